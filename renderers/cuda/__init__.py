"""The label core on a GPU: `label_core.cu`, the twin of `renderers.kernels`, and what launches it.

Bits agree with the CPU's; the same source compiled as C stands in where there is no GPU (tests).
"""
