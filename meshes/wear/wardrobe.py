"""Outfits, hair cards and brow cards of the CC0 wardrobe on MakeHuman and ICT heads.

They are bound to the head at rest; outfits and hair then follow the neck, brows the skin of the posed face.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numba
import numpy as np
from scipy import ndimage
from scipy.special import ndtri

from meshes.assets import asset, find
from meshes.assets.contents import digest_of
from meshes.elementary import product
from meshes.hair.bound import frames, nearest_on
from meshes.hair.face import BROW_DARKEST
from meshes.head import Asset, Head, MeshError, Style
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate
from meshes.skinning import Neck, bend
from meshes.surface import Material
from meshes.wear.garment import dress
from meshes.wear.ict_binding import binding
from meshes.wear.proxy import BINDING, OWN, WARDROBE, Proxy, proxy, proxy_names, wardrobe_file
from meshes.wear.solids import Solid, joined, unit, with_faces

if TYPE_CHECKING:
    from meshes.ict import Ict

OUTFITS = (
    *("female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01"),
    *("male_casualsuit01", "male_casualsuit02", "male_casualsuit03", "male_casualsuit04", "male_casualsuit05"),
    *("male_casualsuit06", "male_elegantsuit01", "male_worksuit01"),
)
"""Outfits by number, as `clothes["outfit"]` counts them."""

CARDS = ("afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
"""Hair of cards by number, as `look["hair_cards"]` counts it."""

BROWS = tuple(f"eyebrow{number:03d}" for number in range(1, 13))
"""Brows of cards by number, as `look["brow_cards"]` counts them."""
PLUCKED = (5, 6)
"""Which of `BROWS` are thin lines."""

DRAWN = {"clothes": OUTFITS, "hair": CARDS, "eyebrows": BROWS}
"""What recipes draw from, by the wardrobe's folders."""

HM08_VERTICES = 19158
_CLEAR_M = 0.0015
_BROW_OFF_M = (0.0004, 0.0015)
"""Cards of brows stand this far off the skin: clear of its folds, and no shelf in profile."""
_BROW_COVER, _BROW_BLUR = 1.35, 6.0
"""Brows are a third fuller than their maps' alpha, as cards have no shade under them; texels that count as around."""
_GREY = 0.30
_HAIR_OFF_M, _SUNK_M = 0.0025, 0.012
"""Cards of hair stand this far off the scalp, unless they are sunk deeper than by mischance."""
_COVER_M = (0.012, 0.030)
"""An outfit this far under or over the skin hides it."""


@dataclass(frozen=True, eq=False)
class Body:
    """hm08's vertices on one head.

    Attributes:
        points: (19158, 3) float64 metres, unposed; NaN where the head has no such vertex.
        share: (19158,) float64, how much of the skull's turn a vertex follows.
        neck: the axis it bends about.
        skin: (V, 3) float64 metres, the head's own skin, unposed, vertices as in its template.
    """

    points: np.ndarray
    share: np.ndarray
    neck: Neck
    skin: np.ndarray


def body(numbers: np.ndarray, points: np.ndarray, share: np.ndarray, neck: Neck, skin: np.ndarray) -> Body:
    """A body of some vertices: hm08 numbers (N,), points (N, 3) and shares (N,)."""
    everywhere, shares = np.full((HM08_VERTICES, 3), np.nan), np.zeros(HM08_VERTICES)
    everywhere[numbers], shares[numbers] = points, share
    return Body(everywhere, shares, neck, skin)


def body_on_ict(ict: "Ict", points: np.ndarray, share: np.ndarray, neck: Neck, skin: np.ndarray) -> Body:
    """hm08's vertices on an ICT head, by `meshes.wear.ict_binding`.

    Args:
        ict: the model.
        points: (26719, 3) float64 metres, unposed.
        share: (26719,) float64.
        neck: the axis.
        skin: (V, 3) float64 metres, unposed, vertices as in the template.
    """
    table = binding(ict)
    on_skin = np.einsum("nk,nkd->nd", table.weight, points[table.corner]) + table.offset_m
    return body(table.number, on_skin, (table.weight * share[table.corner]).sum(axis=1), neck, skin)


def bound(piece: Proxy, points: np.ndarray) -> np.ndarray:
    """(V, 3) float64 metres: a proxy on a body's points (19158, 3); NaN where it hangs on a vertex that is not there.

    The rule of `.mhclo`: p = sum of w v[r], plus the offset times, on each axis, |v[a] - v[b]| over its reference.
    """
    scale = [abs(points[a, k] - points[b, k]) / d for k, (a, b, d) in enumerate(piece.scale)]
    return np.einsum("nk,nkd->nd", piece.weight, points[piece.ref]) + piece.offset_dm * np.array(scale)


def clothe(
    head: Head,
    template: SkinTemplate,
    style: Style,
    on_body: Callable[[], Body],
    angles: tuple[float, float, float],
    hair: np.ndarray,
    *,
    painted: bool = True,
) -> Head:
    """The head in what its style says: an outfit or a tailored garment, and hair and brows of cards.

    Args:
        head: posed; its first vertices and faces are those of `template`.
        template: the model's skin.
        style: see `meshes.head.Style`.
        on_body: hm08's vertices on this head; asked for only where the wardrobe is used.
        angles: of the neck.
        hair: (3,) linear albedo of the hair.
        painted: whether tailored cloth gets its texture.
    """
    if "outfit" not in style.clothes:
        head = dress(head, template, style.clothes, painted=painted)
    if not from_wardrobe(style):
        return head
    on = on_body()
    if "outfit" in style.clothes:
        head = _in_outfit(head, template, OUTFITS[int(style.clothes["outfit"])], on, angles)
    if "brow_cards" in style.look:
        head = _with_brows(head, template, BROWS[int(style.look["brow_cards"])], on, hair)
    if "hair_cards" in style.look:
        head = _with_cards(head, template, CARDS[int(style.look["hair_cards"])], on, angles, hair)
    return head


def from_wardrobe(style: Style) -> bool:
    """Whether any clothes, hair or brows of a style come from the wardrobe."""
    return "outfit" in style.clothes or not style.look.keys().isdisjoint(("hair_cards", "brow_cards"))


def wardrobe_at_hand(kind: str) -> tuple[Asset, ...]:
    """The wardrobe as an asset, once all that may be drawn from it is found.

    Args:
        kind: of `DRAWN`.

    Raises:
        AssetMissingError: the wardrobe or its binding is not on this machine.
        MeshError: the wardrobe lacks what may be drawn.
    """
    path = wardrobe_file()
    if path.name != OWN:  # The user's own says hm08's numbers itself.
        find(BINDING)
    if missing := sorted({f"{kind}/{name}" for name in DRAWN[kind]} - proxy_names(path)):
        raise MeshError(
            f"{path}: expected all {len(DRAWN[kind])} {kind} of MakeHuman's base assets, got none of "
            f"{', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}. Import upstream's folder whole."
        )
    return (_wardrobe_asset(),)


def _wardrobe_asset() -> Asset:
    """The asset, or the user's own wardrobe under a name and a digest of its own."""
    path = wardrobe_file()
    if path.name != OWN:
        return asset(WARDROBE)
    said = "MakeHuman's clothes, hair and brows as the user imported them; every file says CC0"
    return Asset(f"{WARDROBE}-own", "CC0-1.0", "", said, digest_of(path))


def wardrobe_assets(style: Style) -> tuple[Asset, ...]:
    """What a style takes from the wardrobe: nothing, or the wardrobe."""
    return (_wardrobe_asset(),) if from_wardrobe(style) else ()


def _posed(piece: Proxy, on: Body, angles: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Posed points (V, 3) and the faces (F, 3) whose points all exist."""
    points = bound(piece, on.points)
    there = np.isfinite(points).all(axis=1)
    share = np.clip((piece.weight * on.share[piece.ref]).sum(axis=1), 0.0, 1.0)
    points = bend(np.where(there[:, None], points, 0.0), share, on.neck, *angles)
    return points, piece.faces[there[piece.faces].all(axis=1)].astype(np.int32)


def _in_outfit(head: Head, template: SkinTemplate, name: str, on: Body, angles: tuple[float, float, float]) -> Head:
    piece = proxy(f"clothes/{name}")
    points, faces = _posed(piece, on, angles)
    points += _CLEAR_M * vertex_normals(points, faces, piece.twin)
    colour = np.ones((len(points), 3), np.float32)
    normals = vertex_normals(points, faces, piece.twin)
    outfit = Solid(points, faces, normals, piece.uv, colour, Part.CLOTHES, _cloth(name))
    covered = _hidden(head, template, points, faces)
    keep = np.ones(len(head.surface.faces), bool)
    keep[: len(covered)] = ~covered
    head = with_faces(head, keep)
    return replace(head, surface=joined(head.surface, [outfit]))


@lru_cache(maxsize=12)
def _cloth(name: str) -> Material:
    return Material("outfit", roughness=0.8, specular=0.03, texture=proxy(f"clothes/{name}").texture)


def _hidden(head: Head, template: SkinTemplate, points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(skin faces,) bool: torso right under the outfit, or poking through it. The neck stays: collars stand off it."""
    below = template.part[template.faces[:, 0]] == Part.TORSO
    skin = np.unique(template.faces[below])
    origin, normal = (a[skin].astype(np.float64) for a in (head.surface.vertices, head.surface.normals))
    under, over = _COVER_M
    hit = np.zeros(len(template.rest), bool)
    hit[skin] = _hits(origin - under * normal, normal, under + over, points[faces])
    return below & hit[template.faces].all(axis=1)


@numba.njit(cache=True)
def _hits(origin: np.ndarray, direction: np.ndarray, reach: float, corners: np.ndarray) -> np.ndarray:
    """(N,) bool: rays that meet a triangle (F, 3, 3) within reach (T. Moeller and B. Trumbore, 1997)."""
    found = np.zeros(len(origin), np.bool_)
    for n in range(len(origin)):
        ox, oy, oz = origin[n, 0], origin[n, 1], origin[n, 2]
        dx, dy, dz = direction[n, 0], direction[n, 1], direction[n, 2]
        for f in range(len(corners)):
            ax, ay, az = corners[f, 0, 0] - ox, corners[f, 0, 1] - oy, corners[f, 0, 2] - oz
            if ax * ax + ay * ay + az * az > 0.0225:  # No face of an outfit is 10 cm wide.
                continue
            ux, uy, uz = (
                corners[f, 1, 0] - corners[f, 0, 0],
                corners[f, 1, 1] - corners[f, 0, 1],
                corners[f, 1, 2] - corners[f, 0, 2],
            )
            vx, vy, vz = (
                corners[f, 2, 0] - corners[f, 0, 0],
                corners[f, 2, 1] - corners[f, 0, 1],
                corners[f, 2, 2] - corners[f, 0, 2],
            )
            px, py, pz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
            area = ux * px + uy * py + uz * pz
            if abs(area) < 1e-14:
                continue
            s = -(ax * px + ay * py + az * pz) / area
            qx, qy, qz = uy * az - uz * ay, uz * ax - ux * az, ux * ay - uy * ax
            t = (dx * qx + dy * qy + dz * qz) / area
            far = (vx * qx + vy * qy + vz * qz) / area
            if s >= 0.0 and t >= 0.0 and s + t <= 1.0 and 0.0 <= far <= reach:
                found[n] = True
                break
    return found


def _with_cards(
    head: Head, template: SkinTemplate, name: str, on: Body, angles: tuple[float, float, float], hair: np.ndarray
) -> Head:
    """Hair of cards, cut by its alpha map and clear of the scalp; shaded more as one mass than card by card."""
    piece = proxy(f"hair/{name}")
    points, faces = _posed(piece, on, angles)
    points = _clear_of_skin(points, template, head.surface.vertices[: len(on.skin)])
    away = points - head.head_centre
    normals = away / np.maximum(np.sqrt(np.square(away).sum(axis=1, keepdims=True)), 1e-9)
    own = vertex_normals(points, faces, piece.twin)
    own = own * np.where((own * normals).sum(axis=1) < -0.2, -1.0, 1.0)[:, None]
    normals = unit(normals + 0.4 * own)
    return _cut(head, piece, points, faces, normals, hair, Part.HAIR, _strands(f"hair/{name}"))


def _clear_of_skin(points: np.ndarray, template: SkinTemplate, skin: np.ndarray) -> np.ndarray:
    """(V, 3) the points, those that lie on or in the skin lifted off it: a skull of another model bulges elsewhere."""
    corner, weight = nearest_on(template, points, skin)
    foot, frame = frames(corner, weight, skin)
    normal, off = frame[:, 2], points - foot
    lift = _HAIR_OFF_M - (off * normal).sum(axis=1)
    near = (np.square(off).sum(axis=1) < _SUNK_M**2) & (lift > 0.0)
    return points + np.where(near, lift, 0.0)[:, None] * normal


def _with_brows(head: Head, template: SkinTemplate, name: str, on: Body, hair: np.ndarray) -> Head:
    """Brows of cards, each vertex tied to the skin under it, so that they go where an expression takes it."""
    piece = proxy(f"eyebrows/{name}")
    points = bound(piece, on.points)
    corner, weight = nearest_on(template, points, on.skin)
    foot, frame = frames(corner, weight, on.skin)
    offset = ((points - foot)[:, None] * frame).sum(axis=-1)
    offset[:, 2] = np.clip(offset[:, 2], *_BROW_OFF_M)
    foot, frame = frames(corner, weight, head.surface.vertices[: len(on.skin)])
    posed = foot + (offset[..., None] * frame).sum(axis=-2)
    colour = np.maximum(hair, BROW_DARKEST)
    faces = piece.faces.astype(np.int32)
    return _cut(head, piece, posed, faces, frame[:, 2], colour, Part.BROWS, _brow_hairs(f"eyebrows/{name}"))


def _cut(
    head: Head,
    piece: Proxy,
    points: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    hair: np.ndarray,
    part: Part,
    maps: tuple[Material, np.ndarray],
) -> Head:
    """The head with a proxy's posed points (V, 3) and faces on it, tinted, and cut by the second of its maps."""
    material, alpha = maps
    colour = np.broadcast_to(hair / _GREY, points.shape).astype(np.float32)
    cards = Solid(points, faces, normals, piece.uv, colour, part, material)
    surface = joined(head.surface, [cards])
    cutout = surface.cutout.copy()
    cutout[-len(faces) :] = len(surface.cutouts)
    return replace(head, surface=replace(surface, cutout=cutout, cutouts=(*surface.cutouts, alpha)))


@lru_cache(maxsize=10)
def _strands(name: str) -> tuple[Material, np.ndarray]:
    """Map of the strands, of mean linear grey `_GREY` where alpha keeps them, and their alpha map."""
    piece = proxy(name)
    alpha = piece.alpha if piece.alpha is not None else np.full(piece.texture.shape[:2], 255, np.uint8)
    grey = product(piece.texture.astype(np.float64), np.array([0.2126, 0.7152, 0.0722])) / 255.0
    mean = max(float((grey[alpha >= 128] ** 2.2).mean()) if (alpha >= 128).any() else 1.0, 0.02)
    return _stuff(np.clip(grey * (_GREY / mean) ** (1 / 2.2), 0.0, 1.0)), alpha


@lru_cache(maxsize=12)
def _brow_hairs(name: str) -> tuple[Material, np.ndarray]:
    """As `_strands`, for brows, whose maps are soft: alpha of half cover that is cut at one half leaves a thin line.

    Hairs are the texels that stand out from those around them, as many in each place as the map has alpha there. The
    map's own colour is one dark dye.
    """
    alpha = proxy(name).alpha
    soft = np.full((4, 4), _BROW_COVER) if alpha is None else _BROW_COVER * alpha / 255.0
    around = ndimage.gaussian_filter(soft, _BROW_BLUR)
    spread = np.sqrt(np.maximum(ndimage.gaussian_filter(np.square(soft - around), _BROW_BLUR), 1e-6))
    hairs = (soft - around) / spread > ndtri(1.0 - np.clip(around, 0.0, 1.0))
    return _stuff((_GREY * (0.5 + 0.5 * soft / _BROW_COVER)) ** (1 / 2.2)), np.where(hairs, 255, 0).astype(np.uint8)


def _stuff(grey: np.ndarray) -> Material:
    texture = np.repeat(np.rint(255 * grey).astype(np.uint8)[..., None], 3, axis=2)
    return Material("hair cards", roughness=0.9, specular=0.02, texture=texture)
