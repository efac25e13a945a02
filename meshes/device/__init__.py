"""The embedded people posed as batches of torch tensors, on any device torch knows: `meshes.device.poser`.

The same steps as `meshes.makehuman`, as gathers and products over many samples at once; equal to it within rounding.
"""
