"""What the shading kernels read and write: plain arrays under names, frames and units beside them.

No code is here, so that a change of it cannot leave a stale compiled kernel behind.
"""

from typing import NamedTuple

import numpy as np


class Mesh(NamedTuple):
    """A surface packed for shading.

    Attributes:
        faces: (F, 3) uint32.
        facet: (F, 3) float32, unit normals of the flat faces.
        vertex: (V, 18) float32, attributes and positions of the vertices.
        material: (F,) uint8.
        mips: (n, 3) int64 offset, height, width of the maps, largest first, in `texels`, (...) uint8: albedo in
            sRGB, and relief.
    """

    faces: np.ndarray
    facet: np.ndarray
    vertex: np.ndarray
    material: np.ndarray
    mips: np.ndarray
    texels: np.ndarray


class Paint(NamedTuple):
    """Materials as tables, one row each.

    Attributes:
        specular: (M,) float32, reflectance at normal incidence.
        oil: (M,) float32, share of the highlight that is the narrow one.
        reflect: (2 M, n, 2) float32, scale and bias of `specular` by the cosine to the eye at n equal steps, of the
            broad highlights, then of the narrow ones.
        albedo, relief: (M, 2) int64, first row in `Mesh.mips` and how many; none where there is no such map.
    """

    specular: np.ndarray
    oil: np.ndarray
    reflect: np.ndarray
    albedo: np.ndarray
    relief: np.ndarray


class Light(NamedTuple):
    """Octahedral maps of a light as each material sees it.

    Attributes:
        received: (M n, n, 3) float32, irradiance / pi by normal, one map below the other.
        mirrored: (2 M m, m, 3) float32, radiance around the mirror direction, blurred by the material's roughness, then
            by that of its narrow highlight.
        sharp: (k, k, 3) float32, the radiance itself, for transparent shells.
    """

    received: np.ndarray
    mirrored: np.ndarray
    sharp: np.ndarray


class View(NamedTuple):
    """A camera as the shader needs it.

    Attributes:
        image: (V, 2) float64, projected vertices in pixels; it tells how much of a texture a pixel spans.
        columns, rows: (2W,) and (2H,) float64, x and y of the rays (x, y, 1) of half-pixel centres, camera frame.
        R: (3, 3) float64, camera from head.
        orthographic: the camera's kind.
    """

    image: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    R: np.ndarray
    orthographic: bool


class Samples(NamedTuple):
    """Room for the samples of one row.

    Attributes:
        face: (n,) int32, -1 for background.
        weight: (n, 3) float32, of the face's corners.
        ray: (n, 3) float32, away from the camera, head frame, any length.
        column: (n,) int32, the pixel a sample belongs to; share: (n,) float32, its part of the pixel.
        attribute: (n, 19) float32.
        color: (n, 3) float32, linear.
    """

    face: np.ndarray
    weight: np.ndarray
    ray: np.ndarray
    column: np.ndarray
    share: np.ndarray
    attribute: np.ndarray
    color: np.ndarray
