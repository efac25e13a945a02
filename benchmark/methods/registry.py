"""Every method that ships, by name."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import datagen
import training
from benchmark.methods import head_warp, mesh_depth, plain, trained, truth_told, two_view
from benchmark.methods.head_model import make_head, read_head
from benchmark.methods.method import Method, MethodError, Sight
from datagen.faces import why_not_measured
from datagen.faces.tools import package
from meshes.errors import UserError


def _nothing_needed() -> str:
    return ""


def _nothing_made(cache: Path, workers: int) -> None:
    pass


@dataclass(frozen=True)
class Shipped:
    """A method of this package.

    Attributes:
        summary: one line.
        open: makes it, given the cache folder that `prepare` has filled.
        why_not: why it is not available here; "" where it is.
        prepare: makes what it is fitted to, in the cache folder, with so many workers.
        weights: stages whose files it is made of.
    """

    summary: str
    open: Callable[[Path], Method]
    why_not: Callable[[], str] = _nothing_needed
    prepare: Callable[[Path, int], None] = _nothing_made
    weights: tuple[str, ...] = ()

    def opened(self, name: str, cache: Path) -> Method:
        """The method. Raises MethodError where it is not available here."""
        if reason := self.why_not():
            raise MethodError(f"{name}: not available: {reason}")
        return self.open(cache)

    def digest(self, name: str) -> str:
        """Of the code and the weights that its answers depend on."""
        files = [trained.weights_path(what) for what in self.weights]
        parts = [name, methods_code(), *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sees(*sights: Sight) -> frozenset[Sight]:
    return frozenset({"near", *sights})


def _head(cache: Path, workers: int) -> None:
    make_head(cache)


def _head_warp(name: str, shapes: int, landmarks: head_warp.Landmarks, *sights: Sight) -> Callable[[Path], Method]:
    return lambda cache: head_warp.HeadWarp(name, _sees(*sights), read_head(cache), shapes, landmarks)


def _mesh_missing() -> str:
    return why_not_measured("yunet", "face_mesh")


def _opencv_missing() -> str:
    try:
        package("cv2").optflow.createOptFlow_DeepFlow  # noqa: B018
    except (UserError, AttributeError) as error:
        return f"expected OpenCV with its contributed modules, got {error}; pip install 'perspective-portraits[eval]'."
    return ""


def _two_view(name: str, estimate: two_view.Estimator) -> Callable[[Path], Method]:
    return lambda cache: two_view.TwoView(name, estimate)


def _flow(name: str, summary: str, what: str, *sights: Sight, estimated: bool = False, completion: str = "") -> Shipped:
    weights = (what, *(["distance"] if estimated else []), *([completion] if completion else []))
    return Shipped(
        summary,
        lambda cache: trained.flow_method(name, what, _sees(*sights), estimated, completion),
        lambda: trained.why_not(*weights),
        weights=weights,
    )


def _distance(name: str, summary: str, what: str) -> Shipped:
    return Shipped(
        summary,
        lambda cache: trained.TrainedDistance(name, trained.Network.opened(what)),
        lambda: trained.why_not(what),
        weights=(what,),
    )


_TRUE: tuple[Sight, ...] = ("distance", "camera", "landmarks")

METHODS: dict[str, Shipped] = {
    "none": Shipped("the portrait as it is", lambda cache: plain.Nothing()),
    "mean-flow": Shipped(
        "mean flow of a training suite, whatever the portrait",
        lambda cache: plain.MeanFlow(plain.read_means(cache)),
        prepare=plain.make_means,
    ),
    "mean-flow-at-distance": Shipped(
        "mean flow of a training suite in proportion to 1/distance, told the distance",
        lambda cache: plain.MeanFlowAtDistance(plain.read_means(cache)),
        prepare=plain.make_means,
    ),
    "mean-head-true-distance": Shipped(
        "mean head held under true landmarks and camera, reprojected",
        _head_warp("mean-head-true-distance", 0, head_warp.true_landmarks, *_TRUE),
        prepare=_head,
    ),
    "mean-head-estimated-distance": Shipped(
        "mean head held under detected landmarks at the distance that explains them best",
        lambda cache: head_warp.HeadWarpAtFittedDistance(read_head(cache)),
        _mesh_missing,
        _head,
    ),
    "fitted-head": Shipped(
        "head fitted to true landmarks under the true camera, reprojected, in the manner of Fried et al. 2016",
        _head_warp("fitted-head", 12, head_warp.true_landmarks, *_TRUE),
        prepare=_head,
    ),
    "fitted-head-detected": Shipped(
        "the same with detected landmarks",
        _head_warp("fitted-head-detected", 12, head_warp.detected_landmarks, "distance", "camera"),
        _mesh_missing,
        _head,
    ),
    "mesh-depth": Shipped(
        "the MediaPipe face mesh as a depth surface, told the distance",
        lambda cache: mesh_depth.MeshDepth(),
        _mesh_missing,
    ),
    "dis": Shipped("optical flow from both portraits: DIS", _two_view("dis", two_view.dis), _opencv_missing),
    "deepflow": Shipped(
        "optical flow from both portraits: DeepFlow without its matching",
        _two_view("deepflow", two_view.deepflow),
        _opencv_missing,
    ),
    "trained-flow": _flow("trained-flow", "flow network, told the distance", "flow", "distance"),
    "trained-flow-estimated-distance": _flow(
        "trained-flow-estimated-distance", "flow network at the distance that a network estimates", "flow",
        estimated=True,
    ),
    "trained-flow-completed": _flow(
        "trained-flow-completed", "flow network, told the distance, and completion network", "flow", "distance",
        completion="completion",
    ),
    "trained-flow-completed-estimated-distance": _flow(
        "trained-flow-completed-estimated-distance", "the same at the distance that a network estimates", "flow",
        estimated=True, completion="completion",
    ),
    "trained-flow-blind": _flow("trained-flow-blind", "flow network that knows no distance", "flow-blind"),
    "trained-cascade": _flow(
        "trained-cascade", "flow and completion trained end to end, told the distance", "cascade", "distance"
    ),
    "trained-cascade-estimated-distance": _flow(
        "trained-cascade-estimated-distance", "the same at the distance that a network estimates",
        "cascade", estimated=True,
    ),
    "trained-distance": _distance("trained-distance", "distance by a network, at once", "distance"),
    "trained-query": _distance("trained-query", "distance by a network that is asked: farther than this?", "query"),
    "oracle-flow": Shipped("the portrait carried along the true flow", lambda cache: truth_told.OracleFlow()),
    "oracle-flow-completed": Shipped(
        "the same, completed by a network",
        lambda cache: trained.OracleFlowCompleted(trained.Network.opened("completion")),
        lambda: trained.why_not("completion"),
        weights=("completion",),
    ),
    "perfect": Shipped("the truth itself", lambda cache: truth_told.Perfect()),
}  # fmt: skip
"""Every shipped method by name."""


@lru_cache(maxsize=1)
def methods_code() -> str:
    """Digest of the version and of the code that shipped methods are made of."""
    root = Path(__file__).parent
    folders = (root, Path(training.__file__).parent, Path(datagen.__file__).parent / "faces")
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    digest = hashlib.sha256(datagen.__version__.encode())
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
