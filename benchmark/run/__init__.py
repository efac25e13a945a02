"""Asks methods, scores their answers, and keeps what was found."""
