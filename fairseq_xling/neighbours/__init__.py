"""Exact two-way nearest neighbours under the cosine, and the margins built on them."""
