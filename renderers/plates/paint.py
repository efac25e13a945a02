"""What surfaces are painted with: the reflectance and the glow of a material at a point of a face.

A face has coordinates (u, v) in metres from its middle, u to the right and v up, and half sizes (hu, hv).
"""

import math

from renderers.plates.grain import bars, cloudy, hashed, kernel, leaves, noise, within

PLAIN, PLANKS, TILES, STRIPES, BRICK, CLOTH, PICTURE, WINDOW, LEAVES, FACADE = range(10)
GRASS, GLOW, CURTAIN, DOOR, SPINE, FRONTS, MOTIF, PAVING = range(10, 18)
"""Patterns of a material."""

Six = tuple[float, float, float, float, float, float]
Three = tuple[float, float, float]


@kernel
def mixed(a: Three, b: Three, t: float) -> Three:
    """Colour a for t = 0, b for t = 1."""
    return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])


@kernel
def dimmed(a: Three, t: float) -> Three:
    """A colour times a number."""
    return a[0] * t, a[1] * t, a[2] * t


@kernel
def plain(a: Three, u: float, v: float, w: float, rough: float, seed: int) -> Three:
    """Paint or plaster: nearly even, with faint clouds and a fine tooth."""
    cloud = cloudy(u * 1.3, v * 1.3, 0.0, 2, w * 1.3, seed) + 0.8 * cloudy(u * 90, v * 90, 0.0, 1, w * 90, seed + 9)
    return dimmed(a, 1 + rough * cloud)


@kernel
def planks(a: Three, b: Three, u: float, v: float, w: float, width: float, seed: int) -> Three:
    """Boards along v with a stretched grain, no two alike."""
    row = math.floor(u / width)
    length = 7 * width
    shift = hashed(row, 0, 1, seed) * length
    column = math.floor((v + shift) / length)
    tone = hashed(row, column, 2, seed)
    grain = cloudy(u * 60 + 31 * tone, v * 3.5, tone * 20, 3, w * 40, seed)
    rings = cloudy(u * 9 + 13 * tone, v * 0.8, tone * 50, 2, w * 9, seed + 3)
    gap = max(bars(u + 0.001, width, 0.003, w), bars(v + shift + 0.001, length, 0.003, w))
    wood = mixed(a, b, min(max(0.5 + 0.35 * rings + 0.18 * grain, 0.0), 1.0))
    return dimmed(wood, (0.8 + 0.4 * tone) * (1 - 0.75 * gap))


@kernel
def blocks(a: Three, b: Three, u: float, v: float, w: float, wide: float, high: float, joint: float, bond: float,
           seed: int) -> Three:  # fmt: skip
    """Tiles or bricks of colour a in joints of colour b; every second course is shifted by `bond` widths."""
    row = math.floor(v / high)
    u = u + bond * wide * (row & 1)
    column = math.floor(u / wide)
    seam = max(bars(u + joint / 2, wide, joint, w), bars(v + joint / 2, high, joint, w))
    tone = 1 + (hashed(row, column, 1, seed) - 0.5) * (0.5 if bond > 0 else 0.12)
    tone *= 1 + 0.12 * cloudy(u * 25, v * 25, 0.0, 3, w * 25, seed)
    return mixed(dimmed(a, tone), b, seam)


@kernel
def motif(a: Three, b: Three, u: float, v: float, w: float, size: float, seed: int) -> Three:
    """Wallpaper: a printed figure in every cell of a staggered lattice."""
    row = math.floor(v / size)
    x, y = (u / size + 0.5 * (row % 2)) % 1.0 - 0.5, (v / size) % 1.0 - 0.5
    radius, angle = math.sqrt(x * x + y * y), math.atan2(y, x)
    petals = 2.0 + math.floor(4 * hashed(1, 2, 3, seed))
    figure = 0.26 + 0.12 * math.cos(petals * angle) + 0.05 * math.cos(3 * petals * angle + 1)
    ring = within(figure - radius, w / size + 0.02) * (1 - 0.7 * within(0.45 * figure - radius, w / size + 0.02))
    return mixed(a, b, ring * 0.8)


@kernel
def picture(a: Three, b: Three, u: float, v: float, hu: float, hv: float, w: float, seed: int) -> Three:
    """A picture on a wall: a mount of near white around a few washes of colour, or a landscape."""
    mount = 0.14 * min(hu, hv) * (1 + 2 * hashed(0, 0, 8, seed))
    inside = within(min(hu - abs(u), hv - abs(v)) - mount, w)
    x, y = u / hv, v / hv
    warp = cloudy(x * 1.2, y * 1.2, 0.5, 3, w / hv, seed)
    if hashed(0, 0, 9, seed) < 0.5:
        field = y + 0.5 * warp + 0.15 * noise(x * 4, 0.5, 0.5, seed + 4)
        sky = mixed(a, (0.75, 0.78, 0.8), min(max(0.8 * y + 0.6, 0.0), 1.0))
        ground = mixed(b, a, 0.5 + 0.5 * cloudy(x * 3, y * 7, 1.5, 3, 3 * w / hv, seed + 6))
        color = mixed(ground, sky, within(field + 0.1, 0.05 + w / hv))
    else:
        level = math.floor((1.5 + warp * 1.6 + 0.7 * x) * 1.7)
        hue = hashed(int(level), 3, 7, seed)
        color = mixed(mixed(a, b, hue), (0.7, 0.66, 0.58), 0.5 * hashed(int(level), 4, 7, seed))
    return mixed((0.78, 0.76, 0.72), color, inside)


@kernel
def outside(dx: float, dy: float, dz: float, seed: int) -> Three:
    """What a window shows, by direction: sky over roofs and trees, bright beside the room."""
    length = math.sqrt(dx * dx + dz * dz) + 1e-9
    up, east = dy / length, math.atan2(dx, dz) * 5
    far = 0.10 + 0.14 * noise(math.floor(east * 2.3) * 0.77, 0.5, 0.5, seed)
    near = -0.06 + 0.12 * cloudy(east, 0.5, 0.5, 4, 0.02, seed + 5)
    sky = mixed((1.0, 1.0, 1.0), (0.62, 0.78, 1.0), min(max(up * 1.4, 0.0), 1.0))
    cloud = min(max(0.4 + 0.8 * cloudy(east * 0.7, up * 5, 0.3, 4, 0.05, seed + 2), 0.0), 1.0)
    color = mixed(sky, (1.05, 1.05, 1.05), cloud)
    wall = dimmed((0.42, 0.36, 0.32), 0.6 + 0.8 * hashed(math.floor(east * 2.3), 1, 1, seed))
    pane = bars(east * 2.3, 0.16, 0.07, 0.02) * bars(up, 0.045, 0.025, 0.006)
    color = mixed(color, mixed(wall, (0.10, 0.11, 0.13), 0.8 * pane), within(far - up, 0.01))
    tree = dimmed((0.15, 0.19, 0.10), 1 + 0.35 * cloudy(east * 9, up * 40, 0.5, 3, 0.3, seed + 8))
    return mixed(color, tree, within(near - up, 0.03))


@kernel
def facade(a: Three, b: Three, u: float, v: float, hv: float, w: float, storey: float, bay: float,
           seed: int) -> Three:  # fmt: skip
    """A house front: courses of windows with frames, sills and what is behind the glass; a shop at its foot."""
    height = v + hv
    row, column = math.floor(height / storey), math.floor(u / bay)
    x, y = u - (column + 0.5) * bay, height - (row + 0.42) * storey
    half_w, half_h = bay * (0.22 + 0.1 * hashed(0, 0, 1, seed)), storey * (0.24 + 0.07 * hashed(0, 0, 2, seed))
    if row == 0:
        half_w, half_h, y = bay * 0.42, storey * 0.36, height - 0.46 * storey
    inset = min(half_w - abs(x), half_h - abs(y))
    wall = plain(a, u, v, w, 0.10, seed)
    streak = 0.85 + 0.15 * min(max(height / storey, 0.0), 1.0) + 0.06 * cloudy(u * 2, v * 0.3, 0.0, 3, w * 2, seed)
    wall = dimmed(wall, streak)
    wall = mixed(wall, b, bars(height + 0.12, storey, 0.22, w) * (0.9 if hashed(0, 0, 3, seed) < 0.6 else 0.0))
    wall = mixed(wall, b, within(inset + 0.13, w) * 0.85)
    sill = within(0.05 - abs(y + half_h + 0.1), w) * within(half_w + 0.2 - abs(x), w)
    wall = mixed(wall, dimmed(b, 1.15), sill)
    hung = hashed(row, column, 4, seed)
    glass = mixed((0.035, 0.045, 0.055), (0.30, 0.36, 0.42), 0.55 * (0.5 + 0.5 * y / half_h) * hung)
    curtain = within(abs(x) - half_w * (0.35 + 0.5 * hashed(row, column, 5, seed)), w)
    glass = mixed(glass, (0.42, 0.40, 0.37), 0.55 * curtain * (1.0 if hung > 0.35 and row > 0 else 0.0))
    glass = dimmed(glass, 0.35 + 0.65 * within(half_h - 0.12 - y, 0.1 + w))
    glass = mixed(glass, dimmed(b, 0.9), max(within(0.03 - abs(x), w), within(0.03 - abs(y - 0.3 * half_h), w)))
    return mixed(wall, glass, within(inset - 0.04, w))


@kernel
def grass(a: Three, b: Three, u: float, v: float, w: float, seed: int) -> Three:
    """A lawn: patches, tufts and blades."""
    patch = cloudy(u * 0.35, v * 0.35, 0.0, 3, w * 0.35, seed) + 0.6 * cloudy(u * 3, v * 3, 0.0, 3, w * 3, seed + 5)
    blade = cloudy(u * 22, v * 22, 0.0, 4, w * 22, seed + 3)
    dry = min(max(0.5 + 0.5 * patch, 0.0), 1.0)
    return dimmed(mixed(a, b, dry), max(1 + 0.25 * patch + 0.4 * blade, 0.25))


@kernel
def fronts(a: Three, u: float, v: float, hu: float, hv: float, w: float, wide: float, high: float) -> Three:
    """Cupboard doors: gaps between them and a bar to pull each."""
    x, y = u + hu, v + hv
    gap = max(bars(x + 0.002, wide, 0.004, w), bars(y + 0.002, high, 0.004, w))
    u0, v0 = x % wide - wide / 2, y % high - high / 2
    grip = within(0.07 - abs(u0), w) * within(0.006 - abs(v0 - high / 2 + 0.07), w)
    return mixed(dimmed(a, 1 - 0.8 * gap), (0.12, 0.12, 0.12), grip)


@kernel
def panelled(a: Three, u: float, v: float, hu: float, hv: float, w: float) -> Three:
    """A door with two sunk panels, their rims shaded, and a handle."""
    y = v + 0.15 * hv
    dx, dy = hu * 0.68 - abs(u), 0.42 * hv - abs(abs(y) - 0.5 * hv)
    rim = within(0.012 - abs(min(dx, dy)), w)
    side = 0.75 if (v > 0) == (abs(y) > 0.5 * hv) else 1.12
    color = dimmed(a, 1 + (side - 1) * rim)
    knob = within(0.06 - abs(u - hu * 0.80), w) * within(0.012 - abs(v + 0.05 * hv), w)
    return mixed(color, (0.45, 0.43, 0.40), knob)


@kernel
def spine(a: Three, b: Three, u: float, v: float, hu: float, hv: float, w: float, seed: int) -> Three:
    """The back of a book: round, with a title and a band."""
    round_ = 1 - 0.35 * (u / hu) ** 2
    at = hv * (0.75 * hashed(1, 0, 0, seed) - 0.1)
    band = within(0.012 - abs(v - at), w)
    letters = within(0.55 * hu - abs(u), w) * within(0.035 - abs(v - at + 0.06), w)
    ink = letters * min(max(0.5 + 0.9 * cloudy(u * 250, v * 130, 0.0, 1, w * 130, seed), 0.0), 1.0)
    return dimmed(mixed(a, b, max(0.8 * band, 0.7 * ink)), round_)


@kernel
def window(u: float, v: float, hu: float, hv: float, w: float, columns: float, rows: float, dx: float, dy: float,
           dz: float, seed: int) -> tuple[Three, float]:  # fmt: skip
    """A window's sky and the share of the sample that is glass, between its bars."""
    x, y = (u / hu + 1) / 2 * columns, (v / hv + 1) / 2 * rows
    cell_u, cell_v = 2 * hu / columns, 2 * hv / rows
    bar = max(bars(x + 0.025 / cell_u, 1.0, 0.05 / cell_u, w / cell_u),
              bars(y + 0.025 / cell_v, 1.0, 0.05 / cell_v, w / cell_v))  # fmt: skip
    frame = within(min(hu - abs(u), hv - abs(v)) - 0.05, w)
    return outside(dx, dy, dz, seed), frame * (1 - bar)


@kernel
def painted(m, seed, u, v, hu, hv, w, dx, dy, dz) -> Six:  # type: ignore[no-untyped-def]
    """Reflectance and glow of a material's row at a point of a face; (dx, dy, dz) is where the ray goes."""
    pattern, a, b = int(m[0]), (m[1], m[2], m[3]), (m[4], m[5], m[6])
    color, glow = a, (0.0, 0.0, 0.0)
    if pattern == PLAIN:
        color = plain(a, u, v, w, m[9], seed)
    elif pattern == PLANKS:
        color = planks(a, b, u, v, w, m[7], seed)
    elif pattern == TILES:
        color = blocks(a, b, u, v, w, m[7], m[8], 0.004, 0.0, seed)
    elif pattern == PAVING:
        color = blocks(a, b, u, v, w, m[7], m[8], 0.008, 0.5, seed)
    elif pattern == BRICK:
        color = blocks(a, b, u, v, w, 0.23, 0.076, 0.012, 0.5, seed)
    elif pattern == STRIPES:
        color = mixed(a, b, bars(u, m[7], m[7] / 2, w))
    elif pattern == MOTIF:
        color = motif(a, b, u, v, w, m[7], seed)
    elif pattern == CLOTH:
        color = dimmed(a, 1 + 0.10 * cloudy(u * 5, v * 5, 0.0, 3, w * 5, seed)
                       + 0.2 * cloudy(u * 350, v * 350, 0.0, 1, w * 350, seed))  # fmt: skip
    elif pattern == PICTURE:
        color = picture(a, b, u, v, hu, hv, w, seed)
    elif pattern == WINDOW:
        sky, share = window(u, v, hu, hv, w, m[7], m[8], dx, dy, dz, seed)
        color, glow = dimmed(a, 1 - share), dimmed(sky, share * m[10])
    elif pattern == FACADE:
        color = facade(a, b, u, v, hv, w, m[7], m[8], seed)
    elif pattern == GRASS:
        color = grass(a, b, u, v, w, seed)
    elif pattern == LEAVES:
        share, turned, tint = leaves(u, v, m[7], seed, w, 1.0)
        color = dimmed(mixed(a, b, tint), (0.25 + 0.75 * min(share, 1.0)) * (0.45 + 0.9 * turned))
    elif pattern == GLOW:
        glow = dimmed(a, m[10] * (0.55 + 0.45 * math.exp(-((v / hv) ** 2) * 1.5)))
        color = dimmed(a, 0.6)
    elif pattern == CURTAIN:
        fold = math.sin(u / m[7] + 0.8 * noise(u * 6, v * 0.4, 0.5, seed) + 0.2 * v)
        color = dimmed(a, 0.78 + 0.22 * fold)
        glow = dimmed(a, m[10] * (0.8 + 0.2 * fold))
    elif pattern == DOOR:
        color = panelled(a, u, v, hu, hv, w)
    elif pattern == FRONTS:
        color = fronts(a, u, v, hu, hv, w, m[7], m[8])
    elif pattern == SPINE:
        color = spine(a, b, u, v, hu, hv, w, seed)
    return color[0], color[1], color[2], glow[0], glow[1], glow[2]
