"""A user's scan with a face that moves: registered once to the ICT model, then posed like any of its people.

`Animated.open` takes what `datagen animate` wrote, or a scan, which it registers and keeps in the cache.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from meshes.animated_file import ARRAYS, CARD, KIND, Card, read_person, write_person
from meshes.appearance import hair_colour
from meshes.arkit import check_expression
from meshes.assets import find
from meshes.assets.store import cache_folder
from meshes.head import PLAIN, Asset, Head, Identity, MeshError, Pose, Style
from meshes.ict import Ict, Person, average_look
from meshes.ict_people import scalp_shade
from meshes.register import Registration, register
from meshes.register.bake import linear
from meshes.scan import Scan
from meshes.srgb import encode
from meshes.wear.wardrobe import wardrobe_assets

METHOD = 1
"""Counts changes of what registration gives; people in the cache are made anew after one."""

_PLAIN_SKIN = dict.fromkeys(
    (
        *("hair_length_m", "mottling", "stubble", "freckles", "moles", "lip_paint", "brow_density", "eye_shadow"),
        *("wrinkles", "smile_line", "crows_feet", "forehead_lines", "frown", "eye_bags", "lid_crease", "lid_fold"),
        *("philtrum", "chin_crease", "cleft", "lip_furrows", "lip_gloss"),
    ),
    0.0,
)
"""What the scan's own colour and shape already have."""

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Animation:
    """What `animate` made: the scan, its registration and the files."""

    scan: Scan
    registration: Registration
    card_path: Path


class Animated:
    """One person made from a scan; open one with `Animated.open`.

    Attributes:
        name, assets, expressions: see `meshes.head.HeadModel`; expressions and pose are the ICT model's.
        card: what is known about the person.
    """

    name = "animated"
    tailored = True

    def __init__(self, ict: Ict, card: Card, neutral_m: np.ndarray, skin: np.ndarray):
        scan_id = f"animated-{card.name}-{card.scan_sha256[:8]}"
        self.assets: tuple[Asset, ...] = (
            *ict.assets,
            Asset(scan_id, card.licence, _changed(card.credit), card.name, card.scan_sha256),
        )
        self.card = card
        self.expressions: tuple[str, ...] = ict.expressions
        self._ict, self._neutral_m, self._skin = ict, neutral_m, skin
        self._person = lru_cache(maxsize=4)(self._make_person)

    @classmethod
    def open(cls, path: Path | str) -> "Animated":
        """Opens a folder or json that `datagen animate` wrote; or a scan, its registration kept in the cache.

        Args:
            path: the folder, its person.json, or a scan as `meshes.scan.Scan.open` takes it.

        Raises:
            AssetMissingError: ICT-FaceKit is not on this machine.
            MeshError: the file cannot be used, or the scan does not fit.
        """
        path, ict = Path(path), open_ict()
        if not (path / CARD).is_file() and not _is_card(path):
            path = cached(path, ict)
        return cls(ict, *read_person(path))

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """The one person of the scan."""
        return Identity(look={**average_look(), **_PLAIN_SKIN, **self.card.look})

    def name_of(self, identity: Identity) -> str | None:
        """The person's name, the same in every run: all pairs of one scan are in one split."""
        return f"{self.card.name}-{self.card.scan_sha256[:8]}"

    def pool_of(self, identity: Identity) -> str | None:
        """None: a person of nobody else's parts may be in any split."""
        return None

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The posed head; a style may give it hair and clothes.

        Raises:
            MeshError: an expression the model does not have, or a weight outside [0, 1].
        """
        check_expression(expression, self.expressions)
        look = {**average_look(), **_PLAIN_SKIN, **self.card.look, **identity.look, **style.look}
        person = self._person(tuple(sorted(look.items())))
        return self._ict.clothed(self._ict.posed(person, expression, pose), person, pose, style, hair_colour(look))

    def assets_of(self, identity: Identity, style: Style) -> tuple[Asset, ...]:
        """The scan and the model, and the wardrobe where the style takes from it."""
        return self.assets + wardrobe_assets(style)

    def _make_person(self, look: tuple[tuple[str, float], ...]) -> Person:
        worn = dict(look)
        skin = self._skin if worn["hair_length_m"] <= 0.0 else _shaded(self._ict, self._skin, worn)
        return self._ict.person(self._neutral_m, worn, skin)


def _shaded(ict: Ict, skin: np.ndarray, look: Mapping[str, float]) -> np.ndarray:
    """(h, w, 3) uint8: the scan's skin, its scalp darkened by the roots of the hair that a style grows on it."""
    shade = Image.fromarray(scalp_shade(ict.layout, look)).resize(skin.shape[1::-1], Image.Resampling.BILINEAR)
    return encode(linear(skin) * np.asarray(shade)[..., None])


@lru_cache(maxsize=1)
def open_ict() -> Ict:
    """The ICT model of this machine.

    Raises:
        AssetMissingError: it is not there.
    """
    return Ict(find("ict"))


def animate(path: Path, out: Path, eyes_closed: bool | None = None, say: Say = lambda text: None) -> Animation:
    """Registers a scan and writes the person into a folder.

    Args:
        path: a scan, or the json that describes it.
        out: folder, made if missing.
        eyes_closed: of the scan; None looks.
        say: is told what is being done.

    Raises:
        AssetMissingError, MeshError: see `Animated.open`.
    """
    ict = open_ict()
    say("reading the scan")
    scan = Scan.open(path)
    say("registering it")
    return _animated(path, scan, ict, out, eyes_closed)


def _animated(path: Path, scan: Scan, ict: Ict, out: Path, eyes_closed: bool | None) -> Animation:
    registration = register(scan, ict, eyes_closed, path.name)
    card = Card(
        name=path.stem,
        licence=scan.assets[0].licence,
        credit=scan.assets[0].credit,
        scan_sha256=scan.assets[0].sha256,
        model_sha256=ict.assets[0].sha256,
        eyes_closed=registration.eyes_closed,
        residual_m={name: round(value, 7) for name, value in vars(registration.residual).items()},
    )
    return Animation(scan, registration, write_person(out, card, registration.neutral_m, registration.skin))


def cached(path: Path, ict: Ict) -> Path:
    """The folder of the person that a scan gives: registered on first use, then kept by content."""
    scan = Scan.open(path)
    folder = cache_folder() / "animated" / content_key(scan, ict)
    if not ((folder / CARD).is_file() and (folder / ARRAYS).is_file()):
        _animated(path, scan, ict, folder, None)
    return folder


def content_key(scan: Scan, ict: Ict) -> str:
    """Hexadecimal digest of all that a registration depends on."""
    digest, surface, asset = hashlib.blake2b(digest_size=16), scan.rest.surface, scan.assets[0]
    digest.update(json.dumps([METHOD, ict.assets[0].sha256, asset.id, asset.licence, asset.credit]).encode())
    textures = [material.texture for material in surface.materials if material.texture is not None]
    for array in (surface.vertices, surface.faces, surface.uv, surface.color, surface.material, *textures):
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _is_card(path: Path) -> bool:
    try:
        return path.suffix == ".json" and KIND in path.read_text(encoding="utf-8", errors="replace")[:10_000]
    except OSError as error:
        raise MeshError(f"{path}: expected an animated person or a scan, got {error.strerror}.") from error


def _changed(credit: str) -> str:
    """CC BY asks to say that a work was changed."""
    return f"{credit}; registered to the ICT-FaceKit topology" if credit else ""
