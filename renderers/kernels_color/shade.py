"""The colour of a view, row by row: gather what each sample sees, light it, put shells on top, average.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

import numba
import numpy as np

from meshes.srgb import LINEAR_OF_CODE
from renderers.kernels_color.tables import Light, Mesh, Paint, Samples, View

__all__ = ["Light", "Mesh", "Paint", "Samples", "View", "lookup", "lookup_rays", "picture"]

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

U = np.uint64
"""Type of an index in inner loops: a signed one would be checked for "counted from the end"."""

f32 = np.float32
"""Whole-number literals beside float32 would turn an expression into float64."""

NORMAL, UV, COLOR, LIT, OPEN, TO_EYE, OIL = 0, 3, 5, 8, 11, 15, 18
"""First columns of a row of attributes: normal 3, uv 2, colour 3, lit share 3, openness 4 (these 15 also of a vertex),
to eye 3, share of the narrow highlight 1."""

POSITION = 15
"""Column of a vertex's position, metres in the head frame."""

RELIEF_STEP_M = f32(2e-6)
"""Rise from texel to texel that one code of a relief map stands for; 128 is level."""


@kernel
def room(n):
    """Empty `Samples` for n samples."""
    return Samples(
        np.full(n, -1, np.int32), np.zeros((n, 3), f32), np.zeros((n, 3), f32), np.zeros(n, np.int32),
        np.zeros(n, f32), np.zeros((n, 19), f32), np.zeros((n, 3), f32),
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
        for a in range(15):
            attribute[n, a] = b0 * vertex[i, a] + b1 * vertex[j, a] + b2 * vertex[k, a]
        x, y, z = attribute[n, 0], attribute[n, 1], attribute[n, 2]
        rx, ry, rz = ray[n, 0], ray[n, 1], ray[n, 2]
        behind = facet[f, 0] * rx + facet[f, 1] * ry + facet[f, 2] * rz > 0
        length = max(np.sqrt(x * x + y * y + z * z), f32(1e-12))
        scale = (f32(-1) if behind else f32(1)) / length
        attribute[n, 0], attribute[n, 1], attribute[n, 2] = x * scale, y * scale, z * scale
        back = f32(-1) / np.sqrt(rx * rx + ry * ry + rz * rz)
        attribute[n, TO_EYE], attribute[n, TO_EYE + 1], attribute[n, TO_EYE + 2] = rx * back, ry * back, rz * back


@kernel
def _corners(height, width, u, v):
    """First bytes of the two rows of texels around a place on a map, and the four weights; places are clamped."""
    x = min(max(u * f32(width) - f32(0.5), f32(0)), f32(width - 1))
    y = min(max((f32(1) - v) * f32(height) - f32(0.5), f32(0)), f32(height - 1))
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    s, t = x - f32(c), y - f32(r)
    one, upper = f32(1), 3 * (r * width + c)
    return upper, upper + 3 * width, (one - t) * (one - s), (one - t) * s, t * (one - s), t * s


@kernel
def _albedo(texels, offset, corners):
    """Bilinear linear-light colour of the albedo map that starts at `offset`."""
    upper, lower, w00, w01, w10, w11 = corners
    upper, lower = U(offset + upper), U(offset + lower)
    red, green, blue = f32(0), f32(0), f32(0)
    for at, weight in ((upper, w00), (upper + U(3), w01), (lower, w10), (lower + U(3), w11)):
        red += weight * LINEAR_OF_CODE[texels[at]]
        green += weight * LINEAR_OF_CODE[texels[at + U(1)]]
        blue += weight * LINEAR_OF_CODE[texels[at + U(2)]]
    return red, green, blue


@kernel
def _relief(texels, offset, corners):
    """Bilinear rise along u and down v in codes from level, and share of the narrow highlight, of a relief map."""
    upper, lower, w00, w01, w10, w11 = corners
    upper, lower = U(offset + upper), U(offset + lower)
    along, down, oil = f32(-128), f32(-128), f32(0)
    for at, weight in ((upper, w00), (upper + U(3), w01), (lower, w10), (lower + U(3), w11)):
        along += weight * f32(texels[at])
        down += weight * f32(texels[at + U(1)])
        oil += weight * f32(texels[at + U(2)])
    return along, down, oil * f32(1 / 255)


@kernel
def _texels_a_pixel(image, vertex, i, j, k, height, width):
    """Ratio of a face's area in texels to its area in pixels, at least 1."""
    pixels = (image[j, 0] - image[i, 0]) * (image[k, 1] - image[i, 1])
    pixels -= (image[k, 0] - image[i, 0]) * (image[j, 1] - image[i, 1])
    uv = (vertex[j, UV] - vertex[i, UV]) * (vertex[k, UV + 1] - vertex[i, UV + 1])
    uv -= (vertex[k, UV] - vertex[i, UV]) * (vertex[j, UV + 1] - vertex[i, UV + 1])
    return max(abs(uv) * (height * width) / max(abs(pixels), 1e-6), 1.0)


@kernel
def _smaller(spread, count):
    """Which of `count` maps, each half the size of the one before, has about one texel a pixel."""
    level = 0
    while spread > 2.0 and level < count - 1:
        spread *= 0.25
        level += 1
    return level


@kernel
def _tilt(attribute, n, vertex, i, j, k, rise_u, rise_v):
    """Turn the normal of sample n as on a surface that rises by rise_u and rise_v metres per unit of u and v.

    Source: J. F. Blinn, "Simulation of wrinkled surfaces", SIGGRAPH 1978: N' ~ N + (h_u N x P_v + h_v P_u x N) / J with
    the derivatives P_u, P_v of the posed face and J = (P_u x P_v) . N.
    """
    x, y, z = attribute[n, NORMAL], attribute[n, NORMAL + 1], attribute[n, NORMAL + 2]
    a, b = vertex[j, UV] - vertex[i, UV], vertex[j, UV + 1] - vertex[i, UV + 1]
    c, d = vertex[k, UV] - vertex[i, UV], vertex[k, UV + 1] - vertex[i, UV + 1]
    ex, ey, ez = (
        vertex[j, POSITION] - vertex[i, POSITION], vertex[j, POSITION + 1] - vertex[i, POSITION + 1],
        vertex[j, POSITION + 2] - vertex[i, POSITION + 2],
    )  # fmt: skip
    fx, fy, fz = (
        vertex[k, POSITION] - vertex[i, POSITION], vertex[k, POSITION + 1] - vertex[i, POSITION + 1],
        vertex[k, POSITION + 2] - vertex[i, POSITION + 2],
    )  # fmt: skip
    # q = h_u P_v - h_v P_u, times the determinant of the uv triangle, which cancels in the quotient.
    p, q = rise_u * a + rise_v * b, rise_u * c + rise_v * d
    qx, qy, qz = p * fx - q * ex, p * fy - q * ey, p * fz - q * ez
    area = x * (ey * fz - ez * fy) + y * (ez * fx - ex * fz) + z * (ex * fy - ey * fx)
    if abs(area) < f32(1e-14):
        return
    scale = f32(1) / area
    nx, ny, nz = x + (y * qz - z * qy) * scale, y + (z * qx - x * qz) * scale, z + (x * qy - y * qx) * scale
    scale = f32(1) / np.sqrt(nx * nx + ny * ny + nz * nz)
    attribute[n, NORMAL], attribute[n, NORMAL + 1], attribute[n, NORMAL + 2] = nx * scale, ny * scale, nz * scale


@kernel
def texture(attribute, face, count, mesh, paint, image):
    """Multiply the colour of samples by their albedo map and tilt their normals by their relief map.

    Both have one size, and are read at the smaller version whose texels are nearest to the pixel's.
    """
    for n in range(count):
        f = face[n]
        if f < 0:
            continue
        m = mesh.material[f]
        attribute[n, OIL] = paint.oil[m]
        albedo, relief = paint.albedo[m, 0], paint.relief[m, 0]
        count = max(paint.albedo[m, 1], paint.relief[m, 1])
        if count == 0:
            continue
        largest = albedo if paint.albedo[m, 1] > 0 else relief
        i, j, k = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        height, width = mesh.mips[largest, 1], mesh.mips[largest, 2]
        level = _smaller(_texels_a_pixel(image, mesh.vertex, i, j, k, height, width), count)
        small = largest + level
        corners = _corners(mesh.mips[small, 1], mesh.mips[small, 2], attribute[n, UV], attribute[n, UV + 1])
        if paint.albedo[m, 1] > 0:
            r, g, b = _albedo(mesh.texels, mesh.mips[small, 0], corners)
            attribute[n, COLOR] *= r
            attribute[n, COLOR + 1] *= g
            attribute[n, COLOR + 2] *= b
        if paint.relief[m, 1] > 0:
            along, down, oil = _relief(mesh.texels, mesh.mips[relief + level, 0], corners)
            attribute[n, OIL] *= oil
            rise_u, rise_v = along * RELIEF_STEP_M * f32(width), -down * RELIEF_STEP_M * f32(height)
            _tilt(attribute, n, mesh.vertex, i, j, k, rise_u, rise_v)


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
def _open(attribute, n, x, y, z):
    """Share of the light from the direction (x, y, z) that nothing keeps from sample n."""
    share = attribute[n, OPEN] + attribute[n, OPEN + 1] * x + attribute[n, OPEN + 2] * y + attribute[n, OPEN + 3] * z
    return min(max(share, f32(0)), f32(1))


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
    """Colour of opaque samples: matt or skin-like reflection below, a broad and a narrow highlight on top.

    out = albedo x irradiance / pi x lit share x (1 - F) + sum of F x open share x glossy mirror radiance, so that in
    a white surrounding a white surface returns no more than it gets.
    """
    materials, size = len(specular), mirrored.shape[1]
    for n in range(count):
        if face[n] < 0:
            continue
        m = int(material[face[n]])
        x, y, z = attribute[n, NORMAL], attribute[n, NORMAL + 1], attribute[n, NORMAL + 2]
        vx, vy, vz = attribute[n, TO_EYE], attribute[n, TO_EYE + 1], attribute[n, TO_EYE + 2]
        er, eg, eb = lookup(received, m * received.shape[1], x, y, z)
        cosine = x * vx + y * vy + z * vz
        x, y, z = f32(2) * cosine * x - vx, f32(2) * cosine * y - vy, f32(2) * cosine * z - vz
        gr, gg, gb = lookup(mirrored, m * size, x, y, z)
        oil = attribute[n, OIL]
        share = (f32(1) - oil) * _reflected(reflect, specular[m], m, cosine)
        gr, gg, gb = share * gr, share * gg, share * gb
        if oil > 0:
            narrow = oil * _reflected(reflect, specular[m], materials + m, cosine)
            hr, hg, hb = lookup(mirrored, (materials + m) * size, x, y, z)
            gr, gg, gb, share = gr + narrow * hr, gg + narrow * hg, gb + narrow * hb, share + narrow
        under, over = f32(1) - share, _open(attribute, n, x, y, z)
        lr, lg, lb = attribute[n, LIT], attribute[n, LIT + 1], attribute[n, LIT + 2]
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
        x, y, z = f32(2) * cosine * x - vx, f32(2) * cosine * y - vy, f32(2) * cosine * z - vz
        r, g, b = lookup(sharp, 0, x, y, z)
        lit = share * _open(attribute, n, x, y, z)
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
        texture(solid.attribute, solid.face, n, mesh, paint, view.image)
        opaque(
            solid.color, solid.attribute, solid.face, n, mesh.material, paint.specular, paint.reflect,
            light.received, light.mirrored,
        )  # fmt: skip
        m = _collect(shell, view, r, ids, weights, slot, sample_ids, sample_weights, 1, rgb)
        gather(shell.attribute, shell.face, shell.weight, shell.ray, m, mesh.faces, mesh.facet, mesh.vertex)
        through(solid.color, shell.column, shell.attribute, shell.face, m, mesh.material, paint.specular, light.sharp)
        _average(solid, n, rgb[r], alpha[r])
    return rgb, alpha
