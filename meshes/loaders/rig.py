"""Joints of a head model: where they are, what they carry, and linear blend skinning with pose correctives.

The arithmetic is that of M. Loper et al., "SMPL: a skinned multi-person linear model" (2015), in float64 and without
a linear-algebra library, so that equal input gives equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshes.gaze import LOOK_RADIANS, SIDES, eye_turns
from meshes.head import MeshError, Pose
from meshes.skinning import rotation

JAW_OPEN_RADIANS = 0.44
"""Turn of the jaw joint at jawOpen = 1; `Pose.jaw` adds to it, up to this much in all."""
JAW_SIDE_RADIANS = 0.12
"""Turn of the jaw joint at jawLeft = 1 or jawRight = 1."""
JAW_NAMES = ("jawLeft", "jawOpen", "jawRight")
EYE_NAMES = tuple(f"eyeLook{way}{side}" for way in LOOK_RADIANS for side in SIDES)


@dataclass(frozen=True, eq=False)
class Rig:
    """The skeleton of a model with P points, K modes (identity, then expression) and J joints.

    Attributes:
        joints: (J, 3) float64 metres, of the mean head.
        basis: (K, J, 3) float64, how far each mode moves them.
        parents: the joint each hangs on, always an earlier one; -1 for the root.
        weights: (P, J) float64, rows of sum 1.
        correctives: (C, P, 3), offsets in metres per entry of R - 1, row by row, of every joint (C = 9 J) or of every
            joint but the root (C = 9 (J - 1)); no rows where the model has none.
        skull, jaw: the joint that turns the head, and the jaw's or -1.
        eyes: the joints of the person's left and right eye.
    """

    joints: np.ndarray
    basis: np.ndarray
    parents: tuple[int, ...]
    weights: np.ndarray
    correctives: np.ndarray
    skull: int
    jaw: int
    eyes: tuple[int, int]

    @property
    def expressions(self) -> tuple[str, ...]:
        """The ARKit expressions that its joints can make, sorted."""
        return tuple(sorted((*EYE_NAMES, *(JAW_NAMES if self.jaw >= 0 else ()))))


def checked_rig(rig: Rig, file: str) -> Rig:
    """The rig itself.

    Raises:
        MeshError: joints that hang on later ones, or weights that do not share a point out.
    """
    if any(parent >= j for j, parent in enumerate(rig.parents)):
        raise MeshError(f"{file}: expected joints that hang on earlier ones, got parents {rig.parents}. It is damaged.")
    total = rig.weights.sum(axis=1)
    if np.abs(total - 1.0).max() > 0.01 or rig.weights.min() < -0.01:
        raise MeshError(
            f"{file}: expected skinning weights from 0 to 1 that sum to 1, got {rig.weights.min():.3g} to "
            f"{rig.weights.max():.3g} and sums of {total.min():.3g} to {total.max():.3g}. It is damaged."
        )
    return rig


def turns(rig: Rig, pose: Pose, expression: Mapping[str, float]) -> np.ndarray:
    """(J, 3, 3) float64: the rotation of each joint about itself. Eyes turn relative to the skull."""
    R = np.tile(np.eye(3), (len(rig.joints), 1, 1))
    R[rig.skull] = rotation(pose.yaw, pose.pitch, pose.roll)
    if rig.jaw >= 0:
        opening = min(JAW_OPEN_RADIANS, JAW_OPEN_RADIANS * expression.get("jawOpen", 0.0) + pose.jaw)
        side = expression.get("jawLeft", 0.0) - expression.get("jawRight", 0.0)
        R[rig.jaw] = rotation(JAW_SIDE_RADIANS * side, opening)
    for joint, angles in zip(rig.eyes, eye_turns(expression, pose), strict=True):
        R[joint] = rotation(*angles)
    return R


def corrected(points: np.ndarray, R: np.ndarray, rig: Rig) -> np.ndarray:
    """(P, 3) float64 metres: unposed points with what the turns of the joints correct."""
    bent = (R - np.eye(3))[len(R) - len(rig.correctives) // 9 :].ravel()
    out = points.copy()
    for amount, offsets in zip(bent, rig.correctives, strict=True):
        if amount != 0.0:
            out += amount * offsets
    return out


def world(joints: np.ndarray, R: np.ndarray, rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (J, 3, 3) and position (J, 3) of each joint, from their rest positions (J, 3) and own turns."""
    turned, placed = R.copy(), joints.copy()
    for j, parent in enumerate(rig.parents):
        if parent >= 0:
            turned[j] = np.einsum("ij,jk->ik", turned[parent], R[j])
            placed[j] = placed[parent] + np.einsum("ij,j->i", turned[parent], joints[j] - joints[parent])
    return turned, placed


def skin(points: np.ndarray, joints: np.ndarray, R: np.ndarray, rig: Rig) -> np.ndarray:
    """Linear blend skinning.

    Args:
        points: (P, 3) float64 metres, unposed and corrected.
        joints: (J, 3) float64 metres, unposed, of this person.
        R: (J, 3, 3) float64, from `turns`.
        rig: parents and weights.

    Returns:
        (P, 3) float64 metres.
    """
    turned, placed = world(joints, R, rig)
    shift = placed - np.einsum("jik,jk->ji", turned, joints)
    blended = np.einsum("pj,jik->pik", rig.weights, turned)
    return np.einsum("pik,pk->pi", blended, points) + np.einsum("pj,ji->pi", rig.weights, shift)
