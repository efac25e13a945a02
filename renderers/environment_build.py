"""Rebuilds renderers/data/environments.npz from the npm package @pmndrs/assets 1.7.0 (Poly Haven, CC0).

npm pack @pmndrs/assets@1.7.0
python -m renderers.environment_build pmndrs-assets-1.7.0.tgz
"""

import base64
import hashlib
import io
import re
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from renderers.environment import HEIGHT, PACKED, LightError, read_exr
from renderers.light import shrink
from renderers.radiance import rgbe_from_float

RENAMED = {"studio": "photostudio"}
"""A recipe's light "studio" is the procedural one, so the map of that name takes another."""

TARBALL_SHA256 = "152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc"
"""Of pmndrs-assets-1.7.0.tgz as the registry serves it."""


def build(tarball: Path) -> bytes:
    """The bytes of environments.npz: one (128, 256, 4) uint8 RGBE array for each of the package's 18 maps.

    The maps' negative lobes, which an earlier resize left around bright sources, are cut off at 0. The file's columns
    are reversed and rolled as `read_light` does.

    Raises:
        LightError: another file than the released tarball.
    """
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != TARBALL_SHA256:
        raise LightError(f"{tarball}: expected sha256 {TARBALL_SHA256}, got {digest}; npm pack @pmndrs/assets@1.7.0")
    packed = {}
    with tarfile.open(tarball) as package:
        for member in sorted(package.getnames()):
            if found := re.fullmatch(r"package/hdri/(\w+)\.exr\.js", member):
                packed[RENAMED.get(found[1], found[1])] = rgbe_from_float(_map(package.extractfile(member).read()))  # type: ignore[union-attr]
    return _npz(packed)


def _map(script: bytes) -> np.ndarray:
    """(128, 256, 3) float32 from a JavaScript module that holds an OpenEXR file as base64."""
    encoded = re.search(rb"base64,([A-Za-z0-9+/=]+)", script)
    if encoded is None:
        raise LightError("expected a base64 OpenEXR file in the package's module, got none; check the version")
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(base64.b64decode(encoded[1]))
        file.flush()
        radiance = np.maximum(read_exr(Path(file.name)), 0)
    turned = np.roll(radiance[:, ::-1], -(radiance.shape[1] // 2), axis=1)
    return shrink(np.ascontiguousarray(turned), HEIGHT)


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    """A compressed npz whose bytes depend on the arrays alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in sorted(arrays.items()):
            data = io.BytesIO()
            # Planes one after the other: equal exponents then lie side by side and the file is a third smaller.
            np.save(data, np.asfortranarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), data.getvalue(), zipfile.ZIP_DEFLATED
            )
    return buffer.getvalue()


def main(arguments: list[str]) -> None:
    """Writes the packaged file from the tarball named on the command line."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m renderers.environment_build pmndrs-assets-1.7.0.tgz")
    try:
        PACKED.write_bytes(build(Path(arguments[0])))
    except LightError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
