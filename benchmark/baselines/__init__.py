"""The networks of `training` against what they must beat, by distance, on people they never saw.

`python -m benchmark.baselines` measures trials, pair by pair, and writes docs/baselines.md.
"""
