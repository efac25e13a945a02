"""What counts as an answer. Everything else is a failure, with a sentence that says what was expected."""

import numpy as np

from benchmark.methods.method import Answer, MethodError, Question


def checked(question: Question, answer: object) -> Answer:
    """The answer with its arrays in their dtypes.

    Raises:
        MethodError: not an answer, an empty one, or one of the wrong types, sizes or numbers.
    """
    if not isinstance(answer, Answer):
        raise MethodError(f"expected an Answer, got {type(answer).__name__}.")
    height, width = question.near_alpha.shape
    rgb, flow, points = answer.rgb, answer.flow, answer.points_m
    if rgb is None and flow is None and answer.distance_m is None and points is None:
        raise MethodError("expected rgb, flow, distance_m or points_m, got an answer without any.")
    if rgb is not None:
        _shaped("rgb", rgb, (height, width, 3), "uint8")
    if flow is not None:
        _shaped("flow", flow, (height, width, 2), "float32")
    if points is not None:
        _shaped(
            "points_m", points, (len(points) if isinstance(points, np.ndarray) and len(points) else 1, 3), "float64"
        )
    return Answer(
        None if rgb is None else np.ascontiguousarray(rgb),
        None if flow is None else np.ascontiguousarray(flow, np.float32),
        _metres(answer.distance_m),
        None if points is None else np.ascontiguousarray(points, np.float64),
    )


def _shaped(name: str, array: object, shape: tuple[int, ...], dtype: str) -> None:
    """Raises MethodError for what is no finite array of that shape; a flow or points may be of any float."""
    if not isinstance(array, np.ndarray):
        raise MethodError(f"{name}: expected an array {shape} {dtype}, got {type(array).__name__}.")
    right = array.dtype == np.uint8 if dtype == "uint8" else array.dtype.kind == "f"
    if array.shape != shape or not right:
        raise MethodError(f"{name}: expected {shape} {dtype}, got {array.shape} {array.dtype}.")
    if not np.isfinite(array).all():
        raise MethodError(f"{name}: expected finite numbers, got {int((~np.isfinite(array)).sum())} that are not.")


def _metres(distance_m: object) -> float | None:
    if distance_m is None:
        return None
    number = isinstance(distance_m, int | float | np.floating | np.integer) and not isinstance(distance_m, bool)
    if not number or not np.isfinite(distance_m) or not distance_m > 0:  # type: ignore[call-overload, operator]
        raise MethodError(f"distance_m: expected metres above 0, got {distance_m!r}.")
    return float(distance_m)  # type: ignore[arg-type]
