"""Samples made on a device: planned by processors, posed and labelled where torch and the kernels share memory."""
