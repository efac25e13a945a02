"""How real the generated people are: as different as people, always themselves, found and landmarked like faces.

`python -m benchmark.realism` measures every source at hand and writes docs/realism.md; see `protocol` for the rules.
"""
