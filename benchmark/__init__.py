"""Protocols, metrics and reports: how good the data and methods trained on it are, by numbers anyone can repeat."""
