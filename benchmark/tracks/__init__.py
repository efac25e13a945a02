"""What is measured: one track an application, from a case and an answer to figures."""

from benchmark.tracks.camera import Camera
from benchmark.tracks.cmdp import Cmdp
from benchmark.tracks.correspondence import Correspondence
from benchmark.tracks.landmarks import Landmarks
from benchmark.tracks.reconstruction import Reconstruction
from benchmark.tracks.track import Measurement, Row, Summary, Track
from benchmark.tracks.undistortion import Undistortion
from benchmark.tracks.verification import Verification

_ALL: tuple[Track, ...] = (
    Undistortion(),
    Correspondence(),
    Camera(),
    Verification(),
    Landmarks(),
    Reconstruction(),
    Cmdp(),
)

TRACKS: dict[str, Track] = {track.name: track for track in _ALL}
"""Every track by name."""

__all__ = ["TRACKS", "Measurement", "Row", "Summary", "Track"]
