"""Recipes, plans, pairs, shards, verification, the `datagen` command."""
