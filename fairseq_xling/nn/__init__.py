"""Losses and modules as plain functions and nn.Modules; torch only."""
