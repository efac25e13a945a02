"""The house rules that a machine can hold: who imports whom, sizes, docstrings, clean text."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = ("meshes", "renderers", "datagen", "training", "benchmark")
SOURCES = sorted(p for folder in ORDER for p in (ROOT / folder).rglob("*.py"))


def _imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _length(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    layer = ORDER.index(path.relative_to(ROOT).parts[0])
    forbidden = set(ORDER[layer + 1 :])
    assert not _imports(ast.parse(path.read_text())) & forbidden


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    too_long = {f.name: _length(f) for f in _functions(ast.parse(text)) if _length(f) > 60}
    assert not too_long


def test_median_function_is_about_eight_lines():
    lengths = [_length(f) for path in SOURCES for f in _functions(ast.parse(path.read_text()))]
    assert statistics.median(lengths) <= 9


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_names_have_docstrings(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "module docstring"
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_no_pickle_is_imported():
    assert not [p for p in SOURCES if "pickle" in _imports(ast.parse(p.read_text()))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_reads_the_wall_clock(path):
    """It jumps, and it would reach the data; durations are of `time.monotonic`."""
    read = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not read & {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}


FUNCTIONS = set(
    "sin cos tan arcsin arccos arctan arctan2 asin acos atan atan2 sinh cosh tanh exp exp2 expm1 log log2 log10 log1p "
    "power pow cbrt hypot dot matmul inner vdot tensordot linalg".split()
)
"""Of numpy and math, whose last bit depends on the processor."""

PLACED = [path for path in SOURCES if path.is_relative_to(ROOT / "meshes")] + [
    *(ROOT / "renderers" / f"{name}.py" for name in ("camera", "environment", "exact", "labels", "lens", "light")),
    *(ROOT / "datagen" / f"{name}.py" for name in ("plan", "record", "scene")),
]
"""What decides where points lie and what records say."""

OTHERWISE = {
    "meshes/elementary.py": "what stands in for them",
    "meshes/device": "posed on a device, which promises rounding alone",
    "meshes/loaders/facescape.py": "a file's few landmarks laid on the mean face, by numpy's singular values",
    "meshes/valid/derive.py": "writes a file that ships",
    "meshes/skin_tone.py": "colours alone",
    "meshes/wear/solids.py": "the sign of a determinant",
}

SPARSE = [
    ROOT / "meshes" / f"{name}.py"
    for name in (
        "subdivide", "teeth", "makehuman", "makehuman_person", "makehuman_template", "wear/patch", "wear/garment",
        "wear/ict_binding",
    )
]  # fmt: skip
"""Where the left side of every @ is sparse, which no BLAS multiplies."""


@pytest.mark.parametrize(
    "path",
    [p for p in PLACED if not any(p.is_relative_to(ROOT / name) for name in OTHERWISE)],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_nothing_that_places_points_asks_what_a_processor_can_do(path):
    """Use `meshes.elementary`: its bits are the same everywhere."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("np", "math"):
            assert node.attr not in FUNCTIONS, f"line {node.lineno}: {node.value.id}.{node.attr}"
        if isinstance(node, ast.MatMult):
            assert path in SPARSE, "an @: use elementary.product"


def test_no_data_sets_or_large_files_are_in_the_packages():
    files = [path for folder in ORDER for path in (ROOT / folder).rglob("*") if path.is_file()]
    weights = [path for path in files if path.parent == ROOT / "training" / "weights"]  # Kept small by test_weights.py.
    assert not [path for path in files if path not in weights and path.stat().st_size > 5_000_000]
