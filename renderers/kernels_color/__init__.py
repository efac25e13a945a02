"""Compiled inner loops of the preview colour; none of them decides a label.

Each has a readable numpy twin in `renderers.kernels_color.twin`, and tests hold the two together.
"""
