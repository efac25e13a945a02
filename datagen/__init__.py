"""Recipes, plans, pairs, shards, verification, the `datagen` command."""

__version__ = "0.1.0"
