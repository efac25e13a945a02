"""Camera rays of several views at once, from our cameras' own numbers.

The numbers are memory to a kernel, not constants in it, so that one compiled kernel serves every camera.
"""

from dataclasses import dataclass, fields
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from renderers.photo.arrays import aligned
from renderers.photo.draws import mixed
from renderers.picture import View


@dataclass
class Rays:
    """Cameras of views; every field is a `mi.Vector3f` with one entry a view.

    The ray of image point (x, y) through lens point (a, b) starts at origin + x across + y down + (a right + b below)
    and meets, whatever (a, b), the point origin + x across + y down + focus (forward + x tilt_x + y tilt_y).
    """

    origin: Any
    across: Any
    down: Any
    forward: Any
    tilt_x: Any
    tilt_y: Any
    right: Any
    below: Any
    focus: Any

    def of(self, view: Any) -> "Rays":
        """The camera of each lane's view (UInt32)."""
        return Rays(*(dr.gather(mi.Vector3f, getattr(self, field.name), view) for field in fields(self)))

    def through(self, x: Any, y: Any, lens: Any) -> Any:
        """`mi.Ray3f`, head frame, of image points in pixels; `lens` is a Point2f in the unit disc."""
        start = self.origin + x * self.across + y * self.down
        shift = lens.x * self.right + lens.y * self.below
        toward = self.focus * (self.forward + x * self.tilt_x + y * self.tilt_y) - shift
        return mi.Ray3f(mi.Point3f(start + shift), dr.normalize(toward))


def rays_of(views: tuple[View, ...]) -> Rays:
    """The rays of views; pixel corners lie at integers."""
    columns = zip(*(_vectors(view) for view in views), strict=True)
    return Rays(*(mi.Vector3f(*(mi.Float(aligned(row)) for row in np.array(column).T)) for column in columns))


def _vectors(view: View) -> tuple[np.ndarray, ...]:
    """The fields of `Rays` of one view, (3,) float64 each."""
    camera = view.camera
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    (fx, cx), (fy, cy) = (camera.K[0, 0], camera.K[0, 2]), (camera.K[1, 1], camera.K[1, 2])
    step_x, step_y, nothing = R[0] / fx, R[1] / fy, np.zeros(3)
    start, corner = -R.T @ t, -cx * R[0] / fx - cy * R[1] / fy
    if camera.orthographic:
        return start + corner, step_x, step_y, R[2], nothing, nothing, nothing, nothing, np.ones(3)
    radius_m, focus_m = (view.lens.aperture_m / 2, view.lens.focus_m) if view.lens else (0.0, 1.0)
    right, below = radius_m * R[0], radius_m * R[1]
    return start, nothing, nothing, R[2] + corner, step_x, step_y, right, below, np.full(3, focus_m)


@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels of some views laid end to end, row by row.

    Attributes:
        ends: (n,) int, where each view's pixels end.
        starts, widths: `mi.UInt32` with one entry a view.
    """

    ends: np.ndarray
    starts: Any
    widths: Any

    @property
    def count(self) -> int:
        """Of all views."""
        return int(self.ends[-1])

    def place(self, number: Any, seed: int) -> tuple[Any, Any, Any, Any]:
        """View, column, row (UInt32, Float, Float), and the key of each pixel's random numbers (UInt32)."""
        view = mi.UInt32(0)
        for end in self.ends[:-1]:
            view += dr.select(number >= dr.opaque(mi.UInt32, int(end)), mi.UInt32(1), 0)
        inside = number - dr.gather(mi.UInt32, self.starts, view)
        # The lanes that fill up the last vector gather 0, and a division by it would stop the process.
        width = dr.maximum(dr.gather(mi.UInt32, self.widths, view), 1)
        folded = dr.opaque(mi.UInt32, (seed ^ (seed >> 32)) & 0xFFFFFFFF)
        return view, mi.Float(inside % width), mi.Float(inside // width), mixed(inside ^ mixed(folded + view))


def pixels_of(views: tuple[View, ...]) -> Pixels:
    """Where each pixel of some views is."""
    sizes = [view.camera.height * view.camera.width for view in views]
    ends = np.cumsum(sizes)
    widths = np.array([view.camera.width for view in views])
    return Pixels(ends, mi.UInt32(aligned(ends - sizes, np.uint32)), mi.UInt32(aligned(widths, np.uint32)))
