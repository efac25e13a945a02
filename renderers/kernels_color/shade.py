"""The colour of a sample: albedo, irradiance, highlight, and the reflection of a transparent shell.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from typing import NamedTuple

import numba
import numpy as np

from renderers.srgb import LINEAR_OF_CODE

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

_NORMAL, _UV, _COLOR, _LIT = 0, 3, 5, 8  # First columns in `Mesh.vertex`.


class Mesh(NamedTuple):
    """A surface packed for shading.

    Attributes:
        faces: (F, 3) int32.
        facet: (F, 3) float32, unit normals of the flat faces.
        vertex: (V, 11) float32: normal 3, uv 2, colour 3, lit share of the irradiance 3.
        material: (F,) uint8.
        mips: (n, 3) int64 offset, height, width of the albedo maps, largest first, in `albedo`, (...) uint8 sRGB.
    """

    faces: np.ndarray
    facet: np.ndarray
    vertex: np.ndarray
    material: np.ndarray
    mips: np.ndarray
    albedo: np.ndarray


class Paint(NamedTuple):
    """Materials as tables, one row each.

    Attributes:
        specular: (M,) float32, reflectance at normal incidence.
        subsurface: (M,) float32 in [0, 1].
        level: (M,) float32, position among the glossy maps.
        reflect: (M, n, 2) float32, scale and bias of `specular` by the cosine to the viewer at n equal steps.
        mip: (M, 2) int64, first row in `Mesh.mips` and how many; none where it has no texture.
    """

    specular: np.ndarray
    subsurface: np.ndarray
    level: np.ndarray
    reflect: np.ndarray
    mip: np.ndarray


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


@inlined
def lookup(square, x, y, z):
    """Bilinear value of an octahedral map (n, n, 3) float32 in the direction (x, y, z), of any length but 0.

    Source: Cigolle et al., "A Survey of Efficient Representations for Independent Unit Vectors", JCGT 3(2), 2014.
    A direction is scaled to |x| + |y| + |z| = 1 and seen from +Y; the lower half is folded outward.
    """
    one = np.float32(1.0)
    scale = one / (abs(x) + abs(y) + abs(z))
    u, v = x * scale, z * scale
    if y < 0:
        folded_u, folded_v = one - abs(v), one - abs(u)
        u = folded_u if u >= 0 else -folded_u
        v = folded_v if v >= 0 else -folded_v
    half = np.float32(0.5) * np.float32(square.shape[0] - 1)
    column, row = (u + one) * half, (v + one) * half
    c, r = min(max(int(column), 0), square.shape[1] - 2), min(max(int(row), 0), square.shape[0] - 2)
    s, t = column - np.float32(c), row - np.float32(r)
    w00, w01, w10, w11 = (one - t) * (one - s), (one - t) * s, t * (one - s), t * s
    return (
        w00 * square[r, c, 0] + w01 * square[r, c + 1, 0] + w10 * square[r + 1, c, 0] + w11 * square[r + 1, c + 1, 0],
        w00 * square[r, c, 1] + w01 * square[r, c + 1, 1] + w10 * square[r + 1, c, 1] + w11 * square[r + 1, c + 1, 1],
        w00 * square[r, c, 2] + w01 * square[r, c + 1, 2] + w10 * square[r + 1, c, 2] + w11 * square[r + 1, c + 1, 2],
    )


@kernel
def lookup_rays(square, columns, rows, R, orthographic):
    """(H, W, 3) float32 of an octahedral map along the rays (columns[c], rows[r], 1) of a camera."""
    out = np.zeros((len(rows), len(columns), 3), np.float32)
    for r in range(len(rows)):
        for c in range(len(columns)):
            x, y, z = _ray(R, columns[c], rows[r], orthographic)
            out[r, c, 0], out[r, c, 1], out[r, c, 2] = lookup(square, x, y, z)
    return out


@inlined
def _ray(R, dx, dy, orthographic):
    """Head-frame direction away from the camera, float32, not normalised."""
    if orthographic:
        dx, dy = 0.0, 0.0
    return (
        np.float32(R[0, 0] * dx + R[1, 0] * dy + R[2, 0]),
        np.float32(R[0, 1] * dx + R[1, 1] * dy + R[2, 1]),
        np.float32(R[0, 2] * dx + R[1, 2] * dy + R[2, 2]),
    )


@inlined
def _texel(mesh, mip, u, v, channel):
    """Bilinear linear-light value of one channel of one albedo map; coordinates are clamped."""
    offset, height, width = mesh.mips[mip, 0], mesh.mips[mip, 1], mesh.mips[mip, 2]
    x = min(max(u * width - np.float32(0.5), np.float32(0)), np.float32(width - 1))
    y = min(max((np.float32(1) - v) * height - np.float32(0.5), np.float32(0)), np.float32(height - 1))
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    s, t = np.float32(x - c), np.float32(y - r)
    at = offset + 3 * (r * width + c) + channel
    upper = (1 - s) * LINEAR_OF_CODE[mesh.albedo[at]] + s * LINEAR_OF_CODE[mesh.albedo[at + 3]]
    at += 3 * width
    lower = (1 - s) * LINEAR_OF_CODE[mesh.albedo[at]] + s * LINEAR_OF_CODE[mesh.albedo[at + 3]]
    return np.float32((1 - t) * upper + t * lower)


@inlined
def _mip_level(mesh, view, i, j, k, mip):
    """log2 of the texels a pixel spans on this face (its mean over the face), from 0."""
    image, vertex = view.image, mesh.vertex
    pixels = abs(
        (image[j, 0] - image[i, 0]) * (image[k, 1] - image[i, 1])
        - (image[k, 0] - image[i, 0]) * (image[j, 1] - image[i, 1])
    )
    uv = abs(
        (vertex[j, 3] - vertex[i, 3]) * (vertex[k, 4] - vertex[i, 4])
        - (vertex[k, 3] - vertex[i, 3]) * (vertex[j, 4] - vertex[i, 4])
    )
    texels = uv * mesh.mips[mip, 1] * mesh.mips[mip, 2]
    return np.float32(0.5 * np.log2(max(texels / max(pixels, 1e-6), 1.0)))


@kernel
def _texture(mesh, view, i, j, k, first, count, u, v):
    """Trilinear albedo map at (u, v), linear light."""
    level = min(_mip_level(mesh, view, i, j, k, first), np.float32(count - 1))
    low = min(int(level), count - 1)
    high, t = min(low + 1, count - 1), np.float32(level - low)
    r = (1 - t) * _texel(mesh, first + low, u, v, 0) + t * _texel(mesh, first + high, u, v, 0)
    g = (1 - t) * _texel(mesh, first + low, u, v, 1) + t * _texel(mesh, first + high, u, v, 1)
    b = (1 - t) * _texel(mesh, first + low, u, v, 2) + t * _texel(mesh, first + high, u, v, 2)
    return np.float32(r), np.float32(g), np.float32(b)


@inlined
def _mixed(vertex, i, j, k, b0, b1, b2, column):
    return b0 * vertex[i, column] + b1 * vertex[j, column] + b2 * vertex[k, column]


@inlined
def _bounced(lit, albedo):
    """Lit share of the irradiance with the light that nearby surfaces of the same albedo hand on.

    Source: Jimenez et al., "Practical Real-Time Strategies for Accurate Indirect Occlusion", SIGGRAPH 2016 course.
    """
    a = np.float32(2.0404) * albedo - np.float32(0.3324)
    b = np.float32(-4.7951) * albedo + np.float32(0.6417)
    c = np.float32(2.7552) * albedo + np.float32(0.6903)
    return max(lit, ((lit * a + b) * lit + c) * lit)


@inlined
def _mirror(lights, level, nx, ny, nz, vx, vy, vz):
    """Glossy radiance from the mirror direction at a fractional level."""
    twice = np.float32(2) * (nx * vx + ny * vy + nz * vz)
    x, y, z = twice * nx - vx, twice * ny - vy, twice * nz - vz
    low = min(int(level), lights.glossy.shape[0] - 2)
    t = level - np.float32(low)
    r0, g0, b0 = lookup(lights.glossy[low], x, y, z)
    r1, g1, b1 = lookup(lights.glossy[low + 1], x, y, z)
    return r0 + t * (r1 - r0), g0 + t * (g1 - g0), b0 + t * (b1 - b0)


@inlined
def _reflectance(paint, material, nv):
    """Share of light that leaves as highlight: the material's table at the cosine to the viewer."""
    position = min(max(nv, np.float32(0)), np.float32(1)) * np.float32(paint.reflect.shape[1] - 1)
    n = min(int(position), paint.reflect.shape[1] - 2)
    t = position - np.float32(n)
    scale = paint.reflect[material, n, 0] * (1 - t) + paint.reflect[material, n + 1, 0] * t
    bias = paint.reflect[material, n, 1] * (1 - t) + paint.reflect[material, n + 1, 1] * t
    return np.float32(paint.specular[material] * scale + bias)


@inlined
def _facing(mesh, view, face, weights, dx, dy):
    """Unit normal on the seen side, and unit direction to the viewer; float32, head frame."""
    i, j, k = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
    b0, b1, b2 = np.float32(weights[0]), np.float32(weights[1]), np.float32(weights[2])
    nx = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _NORMAL)
    ny = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _NORMAL + 1)
    nz = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _NORMAL + 2)
    rx, ry, rz = _ray(view.R, dx, dy, view.orthographic)
    # A face seen from behind (an open sheet) is lit on the side that is seen.
    behind = mesh.facet[face, 0] * rx + mesh.facet[face, 1] * ry + mesh.facet[face, 2] * rz > 0
    scale = np.float32(-1 if behind else 1) / max(np.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-12))
    length = np.float32(-1) / np.sqrt(rx * rx + ry * ry + rz * rz)
    return nx * scale, ny * scale, nz * scale, rx * length, ry * length, rz * length


@inlined
def _lit(mesh, face, weights):
    """Interpolated lit shares of red, green and blue, float32."""
    i, j, k = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
    b0, b1, b2 = np.float32(weights[0]), np.float32(weights[1]), np.float32(weights[2])
    return (
        _mixed(mesh.vertex, i, j, k, b0, b1, b2, _LIT),
        _mixed(mesh.vertex, i, j, k, b0, b1, b2, _LIT + 1),
        _mixed(mesh.vertex, i, j, k, b0, b1, b2, _LIT + 2),
    )


@inlined
def _albedo(mesh, paint, view, face, weights):
    """Vertex colour times albedo map, linear, float32."""
    i, j, k = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
    b0, b1, b2 = np.float32(weights[0]), np.float32(weights[1]), np.float32(weights[2])
    red = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _COLOR)
    green = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _COLOR + 1)
    blue = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _COLOR + 2)
    first, count = paint.mip[mesh.material[face], 0], paint.mip[mesh.material[face], 1]
    if count > 0:
        u = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _UV)
        v = _mixed(mesh.vertex, i, j, k, b0, b1, b2, _UV + 1)
        r, g, b = _texture(mesh, view, i, j, k, first, count, u, v)
        red, green, blue = red * r, green * g, blue * b
    return red, green, blue


@kernel
def opaque(mesh, paint, lights, view, face, weights, dx, dy):
    """Linear colour of an opaque face: matt or skin-like reflection below, a highlight on top.

    out = albedo x irradiance / pi x lit share x (1 - F) + F x lit share x glossy mirror radiance, so that in a
    white surrounding a white surface returns no more than it gets.
    """
    m = mesh.material[face]
    nx, ny, nz, vx, vy, vz = _facing(mesh, view, face, weights, dx, dy)
    red, green, blue = _albedo(mesh, paint, view, face, weights)
    lit_r, lit_g, lit_b = _lit(mesh, face, weights)
    er, eg, eb = lookup(lights.matt, nx, ny, nz)
    soft = paint.subsurface[m]
    if soft > 0:
        sr, sg, sb = lookup(lights.skin, nx, ny, nz)
        er, eg, eb = er + soft * (sr - er), eg + soft * (sg - eg), eb + soft * (sb - eb)
    share = _reflectance(paint, m, nx * vx + ny * vy + nz * vz)
    gr, gg, gb = _mirror(lights, paint.level[m], nx, ny, nz, vx, vy, vz)
    under, open_to_light = np.float32(1) - share, (lit_r + lit_g + lit_b) / np.float32(3) * share
    return (
        red * er * _bounced(lit_r, red) * under + open_to_light * gr,
        green * eg * _bounced(lit_g, green) * under + open_to_light * gg,
        blue * eb * _bounced(lit_b, blue) * under + open_to_light * gb,
    )


@kernel
def through(mesh, paint, lights, view, face, weights, dx, dy, r, g, b):
    """Colour (r, g, b) seen through a transparent shell: Schlick's share of it gives way to a sharp reflection."""
    nx, ny, nz, vx, vy, vz = _facing(mesh, view, face, weights, dx, dy)
    nv = nx * vx + ny * vy + nz * vz
    f0 = paint.specular[mesh.material[face]]
    fresnel = f0 + (np.float32(1) - f0) * (np.float32(1) - min(max(nv, np.float32(0)), np.float32(1))) ** 5
    sr, sg, sb = lookup(
        lights.sharp, np.float32(2) * nv * nx - vx, np.float32(2) * nv * ny - vy, np.float32(2) * nv * nz - vz
    )
    lr, lg, lb = _lit(mesh, face, weights)
    through_share, mirror = np.float32(1) - fresnel, fresnel * (lr + lg + lb) / np.float32(3)
    return r * through_share + mirror * sr, g * through_share + mirror * sg, b * through_share + mirror * sb


@kernel
def _mean_of_four(mesh, paint, lights, view, r, c, ids, weights, rgb):
    """Box filter of a marked pixel over the background already in `rgb`; returns its coverage."""
    red, green, blue, covered = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for q in range(4):
        face, shell = ids[0, q], ids[1, q]
        dx, dy = view.columns[2 * c + q % 2], view.rows[2 * r + q // 2]
        a, b, d = rgb[r, c, 0], rgb[r, c, 1], rgb[r, c, 2]
        if face >= 0:
            a, b, d = opaque(mesh, paint, lights, view, face, weights[0, q], dx, dy)
            covered += np.float32(0.25)
        if shell >= 0:
            a, b, d = through(mesh, paint, lights, view, shell, weights[1, q], dx, dy, a, b, d)
        red, green, blue = red + a, green + b, blue + d
    quarter = np.float32(0.25)
    rgb[r, c, 0], rgb[r, c, 1], rgb[r, c, 2] = red * quarter, green * quarter, blue * quarter
    return covered


@kernel
def picture(mesh, paint, lights, view, ids, weights, slot, sample_ids, sample_weights, background):
    """Linear colour over the background, and coverage.

    Args:
        ids, weights: (H, W) int32 and (H, W, 3), what pixel centres see.
        slot, sample_ids, sample_weights: from `coverage.edges` and `coverage.subsample`.
        background: (H, W, 3) float32.

    Returns:
        (H, W, 3) float32 and (H, W) float32 in [0, 1].
    """
    rgb, alpha = background.copy(), np.zeros(ids.shape, np.float32)
    for r in range(ids.shape[0]):
        for c in range(ids.shape[1]):
            n = slot[r, c]
            if n >= 0:
                alpha[r, c] = _mean_of_four(
                    mesh, paint, lights, view, r, c, sample_ids[:, n], sample_weights[:, n], rgb
                )
            elif ids[r, c] >= 0:
                dx = 0.5 * (view.columns[2 * c] + view.columns[2 * c + 1])
                dy = 0.5 * (view.rows[2 * r] + view.rows[2 * r + 1])
                rgb[r, c, 0], rgb[r, c, 1], rgb[r, c, 2] = opaque(
                    mesh, paint, lights, view, ids[r, c], weights[r, c], dx, dy
                )
                alpha[r, c] = np.float32(1)
    return rgb, alpha
