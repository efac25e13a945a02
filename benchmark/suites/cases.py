"""Questions and truths out of generated pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import datagen
from benchmark.methods.method import Question
from benchmark.suites.case import Case, Truth


def case_of(part: str, first_scene: int, sample: dict[str, Any]) -> Case:
    """A pair as it is asked.

    Args:
        part: of the suite; begins the id.
        first_scene: number that the part's scenes count from.
        sample: layers by name and the record under "meta".
    """
    meta = sample["meta"]
    near, marks, scene = meta["cameras"]["near"], meta["landmarks"], meta["scene"]
    truth = Truth(
        far_rgb=_person(sample, "far"),
        far_alpha=sample["far_alpha"],
        flow=sample["flow_near_to_far"],
        near_surface=sample["near_surface"],
        near_visible=sample["near_visible_in_far"],
        near_part=sample["near_part"],
        far_part=sample["far_part"],
        far_visible=sample["far_visible_in_near"],
        distance_m=float(near["distance_m"]),
        K=np.array(near["K"]),
        focal_mm35=float(near["focal_mm35"]),
        landmarks_near_px=np.array(marks["near_px"]),
        landmarks_far_px=np.array(marks["far_px"]),
        landmarks_seen=np.array(marks["near_visible"], bool),
        person=meta["person"]["id"],
        source=meta["person"]["model"],
        scene=first_scene + scene["index"],
        meta=meta,
    )
    return Case(_question(f"{part}-{scene['index']:04d}-{scene['step']}", sample, truth), truth)


def _person(sample: dict[str, Any], view: str) -> np.ndarray:
    """(H, W, 3) uint8: black where the mask is 0; a hair may have tinted a pixel that it hardly covers."""
    return sample[f"{view}_rgb"] * (sample[f"{view}_alpha"] > 0)[..., None]


def _question(name: str, sample: dict[str, Any], truth: Truth) -> Question:
    assert truth.K is not None
    return Question(
        id=name,
        near_rgb=_person(sample, "near"),
        near_alpha=sample["near_alpha"],
        # The optical axis passes through the eye midpoint, and no lens here bends it.
        eye_px=truth.K[:2, 2].copy(),
        far_m=float(sample["meta"]["cameras"]["far"]["distance_m"]),
        distance_m=truth.distance_m,
        K=truth.K,
        landmarks_px=truth.landmarks_near_px,
        landmarks_seen=truth.landmarks_seen,
        far_rgb=truth.far_rgb,
        far_alpha=truth.far_alpha,
        flow=truth.flow,
        surface=truth.near_surface,
    )


@dataclass(frozen=True, eq=False)
class PairCases(Sequence[Case]):
    """The cases of several sets of pairs, read when asked for.

    Attributes:
        sets: by name of the part, in order.
    """

    sets: dict[str, datagen.PairDataset]

    def __len__(self) -> int:
        return sum(map(len, self.sets.values()))

    def __getitem__(self, index: int) -> Case:  # type: ignore[override]  # No slices: a case is megabytes.
        """Case `index`; counts through the parts in order."""
        first_scene, left = 0, index if index >= 0 else len(self) + index
        for part, pairs in self.sets.items():
            if 0 <= left < len(pairs):
                return case_of(part, first_scene, pairs[left])
            left -= len(pairs)
            first_scene += pairs.run.pairs
        raise IndexError(f"expected an index below {len(self)}, got {index}")

    def __iter__(self) -> Iterator[Case]:
        return (self[index] for index in range(len(self)))
