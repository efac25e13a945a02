"""Colour by other people's rasterisers, each an extra that is imported on use.

Their pictures are compared with the label core in tests; no label is ever taken from them.
"""
