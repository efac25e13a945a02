"""What runs within Blender, in a process of its own: nothing here is imported by the rest of the package.

`worker.py` is started with a Python that has bpy, or by `blender --python`; it finds the files beside it.
"""
