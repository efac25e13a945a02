"""Reads binary glTF models whole: meshopt compression, quantisation, WebP, sparse accessors, morph targets, skins.

`Glb(data, name)` is the file; `meshes.scan_files` reads scans that need none of this.
"""

from meshes.gltf.model import Glb, GltfMesh

__all__ = ["Glb", "GltfMesh"]
