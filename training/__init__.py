"""Learning from pairs: batches, networks, losses and the loop that trains them.

Everything is torch; images are (N, 3, H, W) float32 in [0, 1] as coded in sRGB, flows (N, 2, H, W) pixels of that grid.
"""
