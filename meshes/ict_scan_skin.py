"""The skin of a real scanned man for ICT people: Lee Perry-Smith's scan, registered as any user's scan is.

CC BY 3.0: whoever wears it is credited with it, and only who asks for it (`--heads ict:ccby`) draws it.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from meshes.assets import asset
from meshes.assets.archive import open_archive
from meshes.head import Asset
from meshes.register.bake import Photograph, photograph
from meshes.register.fit import Basis, fit_model
from meshes.register.person import start
from meshes.register.target import target
from meshes.register.texels import Texels
from meshes.register.warp import warp
from meshes.scan import Scan

_MESH, _COLOUR = "LeePerrySmith.glb", "color.jpg"
_IPD_M = 0.066
"""Puts the scan's arbitrary unit at 5.4 to 5.6 cm, which makes the head as large as a man's."""


def scan_asset() -> Asset:
    """What a person who wears the skin is made of besides; CC BY asks to say what was changed."""
    found = asset("lee-perry-smith")
    return replace(found, credit=f"{found.credit}; colour map re-projected onto the ICT-FaceKit UV layout")


def open_scan(pack: Path) -> Scan:
    """The scan of the packed asset `lee-perry-smith`, in the head frame; its eyes are closed.

    Raises:
        MeshError: the pack is damaged.
    """
    with open_archive(pack) as files, TemporaryDirectory() as folder:
        for name in (_MESH, _COLOUR):
            (Path(folder) / name).write_bytes(files.read(name))
        return Scan.open(Path(folder) / _MESH, texture=Path(folder) / _COLOUR, ipd_m=_IPD_M, flip_v=True)


def photograph_scan(basis: Basis, texels: Texels, scan: Scan) -> Photograph:
    """The scan's colour on the model's atlas, lids included: they are shut on scan and model."""
    ict, surface = basis.ict, scan.rest.surface
    found = target(surface.vertices, surface.faces)
    fit = fit_model(basis, found, replace(start(basis, ict), blink=1.0))
    shell = warp(basis, found, fit)
    return photograph(ict.layout, texels, shell, basis.normals(shell), found, surface)
