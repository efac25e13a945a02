"""How the tiers that trace paths compare: time, noise, bytes, faces; `python -m benchmark.photo`.

Each tier is judged by its own many-path picture, so that no tier's idea of skin counts as another's error.
"""
