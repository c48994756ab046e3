"""Margin-based mining of sentence pairs (Artetxe & Schwenk 2019, as CRISS uses it): vectors in, pairs of ids out."""

from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.mine import mine_pairs
from fairseq_xling.mining.pairs import MinedPairs

__all__ = ["MinedPairs", "MiningConfig", "mine_pairs"]
