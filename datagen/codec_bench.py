"""Measures the codecs on samples of a real set: `python -m datagen.codec_bench FOLDER` prints docs/codecs.md's tables.

Rates are CPU time of one core, the best of several repeats; sizes are exact.
"""

import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard

from datagen.codecs import SUFFIX, decode_layer, encode_layer
from datagen.planes import RAW_LEVEL, decode_planes, encode_planes, encode_raw
from datagen.reader import PairDataset
from datagen.storage import COMPACT, FAST, Storage
from renderers.layers import LAYERS

REPEATS = 5
TRAINING_LAYERS = ("near_rgb", "far_rgb", "flow_near_to_far", "near_surface", "near_inside_far", "near_visible_in_far")
"""What a network that predicts flow reads of a pair."""

Encode = Callable[[np.ndarray, bool], bytes]
Decode = Callable[[bytes, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """A lossless way to store a numeric layer.

    `encode` is told whether it is one of unit vectors; `decode` is given the original for its shape and dtype.
    """

    name: str
    encode: Encode
    decode: Decode


def _npz(array: np.ndarray, unit: bool) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, array=array)
    return file.getvalue()


def _npy(array: np.ndarray, unit: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return zstandard.ZstdCompressor(level=1).compress(file.getvalue())


def _from_npy(data: bytes, like: np.ndarray) -> np.ndarray:
    return np.load(io.BytesIO(zstandard.decompress(data)), allow_pickle=False)


def _shuffled(array: np.ndarray, unit: bool) -> bytes:
    planes = array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T
    return zstandard.ZstdCompressor(level=1).compress(planes.tobytes())


def _unshuffled(data: bytes, like: np.ndarray) -> np.ndarray:
    planes = np.frombuffer(zstandard.decompress(data), np.uint8).reshape(like.itemsize, -1)
    return np.ascontiguousarray(planes.T).view(like.dtype).reshape(like.shape)


def _planes(level: int, predict_third: bool = True) -> Candidate:
    def encode(array: np.ndarray, unit: bool) -> bytes:
        return encode_planes(array, level, unit and predict_third)

    name = f"planes, level {level}" + ("" if predict_third else ", normals as any vectors")
    return Candidate(name, encode, lambda data, like: decode_planes(data))


CANDIDATES = (
    Candidate("npz (zlib)", _npz, lambda data, like: np.load(io.BytesIO(data), allow_pickle=False)["array"]),
    Candidate("npy + zstd", _npy, _from_npy),
    Candidate("byte shuffle + zstd", _shuffled, _unshuffled),
    _planes(-1),
    _planes(1, predict_third=False),
    _planes(1),
    _planes(3),
    _planes(9),
    Candidate(
        f"the array, zstd level {RAW_LEVEL} (fast storage)",
        lambda array, unit: encode_raw(array),
        lambda data, like: decode_planes(data),
    ),
)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call, the best of several."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def candidate_rows(samples: list[dict[str, np.ndarray]]) -> list[str]:
    """All stored numeric layers of a sample under each candidate: MB, encode ms and decode ms a pair."""
    rows = ["| candidate | MB a pair | encode, ms | decode, ms |", "| --- | --- | --- | --- |"]
    for candidate in CANDIDATES:
        figures = [_measured(candidate, *layer) for sample in samples for layer in _numeric(sample)]
        size, encode, decode = np.array(figures).sum(axis=0) / len(samples)
        rows.append(f"| {candidate.name} | {size / 1e6:.2f} | {encode * 1e3:.0f} | {decode * 1e3:.0f} |")
    return rows


def _numeric(sample: dict[str, np.ndarray]) -> list[tuple[np.ndarray, bool]]:
    """Layers that are not PNG, each with whether it is of unit vectors."""
    names = [name for name in sample if name != "meta" and SUFFIX[LAYERS[name].codec] == "planes"]
    return [(sample[name], LAYERS[name].codec == "unit") for name in names]


def _measured(candidate: Candidate, array: np.ndarray, unit: bool) -> tuple[float, float, float]:
    data = candidate.encode(array, unit)
    if candidate.decode(data, array).tobytes() != array.tobytes():
        raise AssertionError(f"{candidate.name} is not lossless")
    return len(data), seconds(lambda: candidate.encode(array, unit)), seconds(lambda: candidate.decode(data, array))


def layer_rows(samples: list[dict[str, np.ndarray]]) -> list[str]:
    """Every stored layer under its codec: kB, encode ms and decode ms, and the sums of a pair in either storage."""
    rows = ["| layer | codec | kB | encode, ms | decode, ms |", "| --- | --- | --- | --- | --- |"]
    names = [name for name in samples[0] if name != "meta"]
    compact, fast = (
        {name: np.mean([_layer_figures(name, sample[name], storage) for sample in samples], axis=0) for name in names}
        for storage in (COMPACT, FAST)
    )
    rows += [_row(f"`{name}`", LAYERS[name].codec, figures) for name, figures in compact.items()]
    sums = {"**a pair**": compact, "**a pair, fast storage**": fast}
    return [*rows, *(_row(name, "", np.sum([*layers.values()], axis=0)) for name, layers in sums.items())]


def _row(name: str, codec: str, figures: np.ndarray) -> str:
    size, encode, decode = figures
    return f"| {name} | {codec} | {size / 1e3:.0f} | {encode * 1e3:.1f} | {decode * 1e3:.1f} |"


def _layer_figures(name: str, array: np.ndarray, storage: Storage) -> tuple[float, float, float]:
    data = encode_layer(name, array, storage)
    decode = seconds(lambda: decode_layer(name, data, *array.shape[:2]))
    return len(data), seconds(lambda: encode_layer(name, array, storage)), decode


def main(folder: Path, count: int = 4) -> None:
    """Prints both tables and the rate at which a training set is read."""
    dataset = PairDataset(folder)
    samples = [dataset[i] for i in range(min(count, len(dataset)))]
    cover = np.mean([sample["near_surface"].mean() for sample in samples])
    reading = PairDataset(folder, layers=TRAINING_LAYERS)
    pair_s = seconds(lambda: [reading[i] for i in range(len(samples))]) / len(samples)
    sys.stdout.write(
        f"{len(samples)} pairs of {dataset.run.height} x {dataset.run.width}, person on {cover:.0%} of the pixels.\n\n"
        + "\n".join([*candidate_rows(samples), "", *layer_rows(samples), ""])
        + f"\nReading {', '.join(TRAINING_LAYERS)} and the record: {1 / pair_s:.0f} pairs/s.\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
