"""The label core and the preview's colour on a GPU: twins in CUDA C of `renderers.kernels` and `kernels_color`.

Bits agree with the CPU's; the same sources compiled as C stand in where there is no GPU (tests).
"""
