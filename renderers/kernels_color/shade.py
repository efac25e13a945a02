"""The colour of a view, row by row: gather what each sample sees, light it, put shells on top, average.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from typing import NamedTuple

import numba
import numpy as np

from renderers.srgb import LINEAR_OF_CODE

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

U = np.uint64
"""Type of an index in inner loops: a signed one would be checked for "counted from the end"."""

f32 = np.float32
"""Whole-number literals beside float32 would turn an expression into float64."""

NORMAL, UV, COLOR, LIT, TO_EYE = 0, 3, 5, 8, 11
"""First columns of a row of attributes: normal 3, uv 2, colour 3, lit share 3 (these 11 also of a vertex), to eye 3."""


class Mesh(NamedTuple):
    """A surface packed for shading.

    Attributes:
        faces: (F, 3) uint32.
        facet: (F, 3) float32, unit normals of the flat faces.
        vertex: (V, 11) float32, attributes of the vertices.
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
        reflect: (M, n, 2) float32, scale and bias of `specular` by the cosine to the eye at n equal steps.
        mip: (M, 2) int64, first row in `Mesh.mips` and how many; none where it has no texture.
    """

    specular: np.ndarray
    reflect: np.ndarray
    mip: np.ndarray


class Light(NamedTuple):
    """Octahedral maps of a light as each material sees it.

    Attributes:
        received: (M n, n, 3) float32, irradiance / pi by normal, one map below the other.
        mirrored: (M m, m, 3) float32, radiance around the mirror direction, blurred by the material's roughness.
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
        attribute: (n, 14) float32.
        color: (n, 3) float32, linear.
    """

    face: np.ndarray
    weight: np.ndarray
    ray: np.ndarray
    column: np.ndarray
    share: np.ndarray
    attribute: np.ndarray
    color: np.ndarray


@kernel
def room(n):
    """Empty `Samples` for n samples."""
    return Samples(
        np.full(n, -1, np.int32), np.zeros((n, 3), f32), np.zeros((n, 3), f32), np.zeros(n, np.int32),
        np.zeros(n, f32), np.zeros((n, 14), f32), np.zeros((n, 3), f32),
    )  # fmt: skip


@kernel
def lookup(square, first, x, y, z):
    """Bilinear value of an octahedral map, float32, in the direction (x, y, z), of any length but 0.

    The map is rows `first` to `first + n` of `square`, (m, n, 3) float32.
    Source: Cigolle et al., "A Survey of Efficient Representations for Independent Unit Vectors", JCGT 3(2), 2014.
    A direction is scaled to |x| + |y| + |z| = 1 and seen from +Y; the lower half is folded outward.
    """
    one, last = f32(1), square.shape[1] - 1
    scale = one / (abs(x) + abs(y) + abs(z))
    u, v = x * scale, z * scale
    if y < 0:
        folded_u, folded_v = one - abs(v), one - abs(u)
        u = folded_u if u >= 0 else -folded_u
        v = folded_v if v >= 0 else -folded_v
    half = f32(0.5) * f32(last)
    column, row = (u + one) * half, (v + one) * half
    c, r = U(min(int(column), last - 1)), U(min(int(row), last - 1))
    s, t = column - f32(c), row - f32(r)
    r += U(first)
    c1, r1 = c + U(1), r + U(1)
    w00, w01, w10, w11 = (one - t) * (one - s), (one - t) * s, t * (one - s), t * s
    return (
        w00 * square[r, c, 0] + w01 * square[r, c1, 0] + w10 * square[r1, c, 0] + w11 * square[r1, c1, 0],
        w00 * square[r, c, 1] + w01 * square[r, c1, 1] + w10 * square[r1, c, 1] + w11 * square[r1, c1, 1],
        w00 * square[r, c, 2] + w01 * square[r, c1, 2] + w10 * square[r1, c, 2] + w11 * square[r1, c1, 2],
    )


@kernel
def aim(ray, n, R, dx, dy, orthographic):
    """Write the head-frame ray of the image direction (dx, dy, 1) into row n."""
    if orthographic:
        dx, dy = 0.0, 0.0
    for k in range(3):
        ray[n, k] = R[0, k] * dx + R[1, k] * dy + R[2, k]


@kernel
def lookup_rays(square, columns, rows, R, orthographic):
    """(H, W, 3) float32 of an octahedral map along the rays (columns[c], rows[r], 1) of a camera."""
    out, ray = np.zeros((len(rows), len(columns), 3), f32), np.zeros((1, 3), f32)
    for r in range(len(rows)):
        for c in range(len(columns)):
            aim(ray, 0, R, columns[c], rows[r], orthographic)
            out[r, c, 0], out[r, c, 1], out[r, c, 2] = lookup(square, 0, ray[0, 0], ray[0, 1], ray[0, 2])
    return out


@kernel
def _collect(samples, view, r, ids, weights, slot, sample_ids, sample_weights, layer, rgb):
    """List the samples of row r: of even pixels the centre, of marked pixels all four; returns how many.

    Layer 0 lists what is opaque, and takes over the background where a marked pixel's sample has nothing; layer 1
    lists transparent shells, in `column` the number of the sample that each covers.
    """
    n, below = 0, 0
    for c in range(ids.shape[1]):
        m = slot[r, c]
        for q in range(4 if m >= 0 else 1):
            face = sample_ids[layer, m, q] if m >= 0 else ids[r, c]
            if m < 0 and face < 0:
                continue
            if layer == 0 or (m >= 0 and face >= 0):
                samples.face[n], samples.column[n] = face, below if layer else c
                samples.share[n] = 0.25 if m >= 0 else 1.0
                dx, dy = view.columns[2 * c + q % 2], view.rows[2 * r + q // 2]
                if m < 0:
                    dx, dy = 0.5 * (dx + view.columns[2 * c + 1]), 0.5 * (dy + view.rows[2 * r + 1])
                aim(samples.ray, n, view.R, dx, dy, view.orthographic)
                for k in range(3):
                    samples.weight[n, k] = sample_weights[layer, m, q, k] if m >= 0 else weights[r, c, k]
                    samples.color[n, k] = rgb[r, c, k]
                n += 1
            below += 1
    return n


@kernel
def gather(attribute, face, weight, ray, count, faces, facet, vertex):
    """Interpolate the attributes of samples: normals and directions to the eye become unit vectors.

    A face seen from behind (an open sheet) is lit on the side that is seen.
    """
    for n in range(count):
        f = face[n]
        if f < 0:
            continue
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        b0, b1, b2 = weight[n, 0], weight[n, 1], weight[n, 2]
        for a in range(11):
            attribute[n, a] = b0 * vertex[i, a] + b1 * vertex[j, a] + b2 * vertex[k, a]
        x, y, z = attribute[n, 0], attribute[n, 1], attribute[n, 2]
        rx, ry, rz = ray[n, 0], ray[n, 1], ray[n, 2]
        behind = facet[f, 0] * rx + facet[f, 1] * ry + facet[f, 2] * rz > 0
        length = max(np.sqrt(x * x + y * y + z * z), f32(1e-12))
        scale = (f32(-1) if behind else f32(1)) / length
        attribute[n, 0], attribute[n, 1], attribute[n, 2] = x * scale, y * scale, z * scale
        back = f32(-1) / np.sqrt(rx * rx + ry * ry + rz * rz)
        attribute[n, 11], attribute[n, 12], attribute[n, 13] = rx * back, ry * back, rz * back


@kernel
def _texel(albedo, offset, height, width, u, v):
    """Bilinear linear-light colour of one albedo map; coordinates are clamped."""
    x = min(max(u * f32(width) - f32(0.5), f32(0)), f32(width - 1))
    y = min(max((f32(1) - v) * f32(height) - f32(0.5), f32(0)), f32(height - 1))
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    s, t = x - f32(c), y - f32(r)
    one = f32(1)
    w00, w01, w10, w11 = (one - t) * (one - s), (one - t) * s, t * (one - s), t * s
    upper = U(offset + 3 * (r * width + c))
    lower = upper + U(3 * width)
    red, green, blue = f32(0), f32(0), f32(0)
    for at, weight in ((upper, w00), (upper + U(3), w01), (lower, w10), (lower + U(3), w11)):
        red += weight * LINEAR_OF_CODE[albedo[at]]
        green += weight * LINEAR_OF_CODE[albedo[at + U(1)]]
        blue += weight * LINEAR_OF_CODE[albedo[at + U(2)]]
    return red, green, blue


@kernel
def _texels_a_pixel(image, vertex, i, j, k, height, width):
    """Ratio of a face's area in texels to its area in pixels, at least 1."""
    pixels = (image[j, 0] - image[i, 0]) * (image[k, 1] - image[i, 1])
    pixels -= (image[k, 0] - image[i, 0]) * (image[j, 1] - image[i, 1])
    uv = (vertex[j, UV] - vertex[i, UV]) * (vertex[k, UV + 1] - vertex[i, UV + 1])
    uv -= (vertex[k, UV] - vertex[i, UV]) * (vertex[j, UV + 1] - vertex[i, UV + 1])
    return max(abs(uv) * (height * width) / max(abs(pixels), 1e-6), 1.0)


@kernel
def texture(attribute, face, count, faces, material, vertex, image, mips, albedo, mip):
    """Multiply the colour of samples by their albedo map, read at the size nearest to the pixel's."""
    for n in range(count):
        f = face[n]
        if f < 0 or mip[material[f], 1] == 0:
            continue
        first, last = mip[material[f], 0], mip[material[f], 1] - 1
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        spread = _texels_a_pixel(image, vertex, i, j, k, mips[first, 1], mips[first, 2])
        level = first
        while spread > 2.0 and level < first + last:
            spread *= 0.25
            level += 1
        u, v = attribute[n, UV], attribute[n, UV + 1]
        r, g, b = _texel(albedo, mips[level, 0], mips[level, 1], mips[level, 2], u, v)
        attribute[n, COLOR] *= r
        attribute[n, COLOR + 1] *= g
        attribute[n, COLOR + 2] *= b


@kernel
def _bounced(lit, albedo):
    """Lit share of the irradiance, with the light that nearby surfaces of the same albedo hand on.

    Source: Jimenez et al., "Practical Real-Time Strategies for Accurate Indirect Occlusion", SIGGRAPH 2016 course.
    """
    a = f32(2.0404) * albedo - f32(0.3324)
    b = f32(-4.7951) * albedo + f32(0.6417)
    c = f32(2.7552) * albedo + f32(0.6903)
    return max(lit, ((lit * a + b) * lit + c) * lit)


@kernel
def _open(lit, cosine):
    """Share of the mirror direction's light that arrives, from the lit share of the irradiance: less when grazing,
    where a mirrored ray is the likelier to meet the surface again.

    The lit share times the estimate of Lagarde and de Rousiers, "Moving Frostbite to PBR", SIGGRAPH 2014 course, with
    the exponent 2.
    """
    both = max(cosine, f32(0)) + lit
    return lit * min(max(both * both - f32(1) + lit, f32(0)), f32(1))


@kernel
def _reflected(reflect, specular, m, cosine):
    """Share of light that leaves as highlight: the material's table at the cosine to the eye."""
    last = reflect.shape[1] - 1
    position = min(max(cosine, f32(0)), f32(1)) * f32(last)
    n = min(int(position), last - 1)
    t = position - f32(n)
    scale = reflect[m, n, 0] + t * (reflect[m, n + 1, 0] - reflect[m, n, 0])
    bias = reflect[m, n, 1] + t * (reflect[m, n + 1, 1] - reflect[m, n, 1])
    return specular * scale + bias


@kernel
def opaque(color, attribute, face, count, material, specular, reflect, received, mirrored):
    """Colour of opaque samples: matt or skin-like reflection below, a highlight on top.

    out = albedo x irradiance / pi x lit share x (1 - F) + F x open share x glossy mirror radiance, so that in a
    white surrounding a white surface returns no more than it gets.
    """
    for n in range(count):
        if face[n] < 0:
            continue
        m = material[face[n]]
        x, y, z = attribute[n, NORMAL], attribute[n, NORMAL + 1], attribute[n, NORMAL + 2]
        vx, vy, vz = attribute[n, TO_EYE], attribute[n, TO_EYE + 1], attribute[n, TO_EYE + 2]
        er, eg, eb = lookup(received, m * received.shape[1], x, y, z)
        cosine = x * vx + y * vy + z * vz
        x, y, z = f32(2) * cosine * x - vx, f32(2) * cosine * y - vy, f32(2) * cosine * z - vz
        gr, gg, gb = lookup(mirrored, m * mirrored.shape[1], x, y, z)
        share = _reflected(reflect, specular[m], m, cosine)
        lr, lg, lb = attribute[n, LIT], attribute[n, LIT + 1], attribute[n, LIT + 2]
        under, over = f32(1) - share, share * _open((lr + lg + lb) / f32(3), cosine)
        r, g, b = attribute[n, COLOR], attribute[n, COLOR + 1], attribute[n, COLOR + 2]
        color[n, 0] = r * er * _bounced(lr, r) * under + over * gr
        color[n, 1] = g * eg * _bounced(lg, g) * under + over * gg
        color[n, 2] = b * eb * _bounced(lb, b) * under + over * gb


@kernel
def through(color, below, attribute, face, count, material, specular, sharp):
    """Put transparent shells over the samples they cover: Schlick's share of those gives way to a sharp mirror."""
    for n in range(count):
        x, y, z = attribute[n, NORMAL], attribute[n, NORMAL + 1], attribute[n, NORMAL + 2]
        vx, vy, vz = attribute[n, TO_EYE], attribute[n, TO_EYE + 1], attribute[n, TO_EYE + 2]
        cosine = x * vx + y * vy + z * vz
        grazing = f32(1) - min(max(cosine, f32(0)), f32(1))
        f0 = specular[material[face[n]]]
        share = f0 + (f32(1) - f0) * (grazing * grazing) * (grazing * grazing) * grazing
        r, g, b = lookup(sharp, 0, f32(2) * cosine * x - vx, f32(2) * cosine * y - vy, f32(2) * cosine * z - vz)
        lit = share * (attribute[n, LIT] + attribute[n, LIT + 1] + attribute[n, LIT + 2]) / f32(3)
        m, kept = below[n], f32(1) - share
        color[m, 0] = color[m, 0] * kept + lit * r
        color[m, 1] = color[m, 1] * kept + lit * g
        color[m, 2] = color[m, 2] * kept + lit * b


@kernel
def _average(samples, count, rgb, alpha):
    """Box filter of one row (W, 3) and its coverage (W,): samples take the place of the background."""
    for n in range(count):
        c = samples.column[n]
        if n == 0 or samples.column[n - 1] != c:
            rgb[c, 0], rgb[c, 1], rgb[c, 2] = f32(0), f32(0), f32(0)
        for k in range(3):
            rgb[c, k] += samples.share[n] * samples.color[n, k]
        if samples.face[n] >= 0:
            alpha[c] += samples.share[n]


@kernel
def picture(mesh, paint, light, view, ids, weights, slot, sample_ids, sample_weights, background):
    """Linear colour over the background, and coverage.

    Args:
        ids, weights: (H, W) int32 and (H, W, 3) float64, what pixel centres see.
        slot, sample_ids, sample_weights: from `coverage.edges` and `coverage.subsample`.
        background: (H, W, 3) float32.

    Returns:
        (H, W, 3) float32 and (H, W) float32 in [0, 1].
    """
    rgb, alpha = background.copy(), np.zeros(ids.shape, f32)
    solid, shell = room(4 * ids.shape[1]), room(4 * ids.shape[1])
    for r in range(ids.shape[0]):
        n = _collect(solid, view, r, ids, weights, slot, sample_ids, sample_weights, 0, rgb)
        gather(solid.attribute, solid.face, solid.weight, solid.ray, n, mesh.faces, mesh.facet, mesh.vertex)
        texture(
            solid.attribute, solid.face, n, mesh.faces, mesh.material, mesh.vertex, view.image, mesh.mips,
            mesh.albedo, paint.mip,
        )  # fmt: skip
        opaque(
            solid.color, solid.attribute, solid.face, n, mesh.material, paint.specular, paint.reflect,
            light.received, light.mirrored,
        )  # fmt: skip
        m = _collect(shell, view, r, ids, weights, slot, sample_ids, sample_weights, 1, rgb)
        gather(shell.attribute, shell.face, shell.weight, shell.ray, m, mesh.faces, mesh.facet, mesh.vertex)
        through(solid.color, shell.column, shell.attribute, shell.face, m, mesh.material, paint.specular, light.sharp)
        _average(solid, n, rgb[r], alpha[r])
    return rgb, alpha
