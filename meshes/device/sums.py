"""Fixed weighted sums of points: a sparse matrix applied to a batch, always added up in the same order."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Sums:
    """R sums over rows of a table, on one device.

    Attributes:
        index: (N,) int64, the rows that are added up, sum after sum.
        start: (R,) int64, where each sum begins in `index`.
        weight: (N,) float64 factors of the rows; None for ones.
    """

    index: torch.Tensor
    start: torch.Tensor
    weight: torch.Tensor | None

    def of(self, table: torch.Tensor) -> torch.Tensor:
        """(B, R, 3) float64: the sums over the rows of a (B, V, 3) float64 table.

        One thread adds up one column of a sum, front to back; a library's sparse product may split sums instead.
        """
        batch = len(table)
        rows = table.permute(1, 0, 2).reshape(-1, 3 * batch)
        total = torch.nn.functional.embedding_bag(
            self.index, rows, self.start, mode="sum", per_sample_weights=self.weight
        )
        return total.reshape(-1, batch, 3).permute(1, 0, 2)


def sums(matrix: sparse.csr_matrix, device: str) -> Sums:
    """The rows of a sparse matrix (R, V) as sums over V."""
    index = torch.from_numpy(matrix.indices.astype(np.int64)).to(device)
    start = torch.from_numpy(matrix.indptr[:-1].astype(np.int64)).to(device)
    return Sums(index, start, torch.from_numpy(matrix.data.astype(np.float64)).to(device))


@dataclass(frozen=True, eq=False)
class Smooth:
    """What smooth normals of one mesh are made from.

    Attributes:
        faces: (3, F) int64 corners.
        around: sums over the faces around each point.
        point: (V,) int64, the point of each vertex; see `meshes.normals.vertex_normals`.
    """

    faces: torch.Tensor
    around: Sums
    point: torch.Tensor

    def normals(self, vertices: torch.Tensor) -> torch.Tensor:
        """(B, V, 3) float64 unit normals of (B, V, 3) vertices, as `meshes.normals.vertex_normals`."""
        a, b, c = (vertices[:, corner] for corner in self.faces)
        total = self.around.of(torch.linalg.cross(b - a, c - a))
        length = (total * total).sum(-1, keepdim=True).sqrt()
        upright = total.new_tensor([0.0, 0.0, 1.0])
        flat = length < 1e-30
        return torch.where(flat, upright, total / torch.where(flat, 1.0, length))[:, self.point]


def smooth(faces: np.ndarray, point: np.ndarray, device: str) -> Smooth:
    """For faces (F, 3) whose vertices lie at points (V,)."""
    at = point[faces].ravel()
    order = np.argsort(at, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=int(point.max()) + 1))[:-1]])
    move = {"index": order // 3, "start": start, "point": point, "faces": faces.T}
    on = {name: torch.from_numpy(np.ascontiguousarray(v, np.int64)).to(device) for name, v in move.items()}
    return Smooth(on["faces"], Sums(on["index"], on["start"], None), on["point"])
