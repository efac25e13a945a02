"""Asking, scoring, keeping: failures are scored and named, nothing is asked twice, order changes nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import bench_cases  # noqa: E402
import bench_methods  # noqa: E402

from benchmark.cli import main  # noqa: E402
from benchmark.methods.method import Answer, MethodError, shown  # noqa: E402
from benchmark.run import runner, sources  # noqa: E402
from benchmark.run.answerer import Answerer  # noqa: E402
from benchmark.run.answers import checked  # noqa: E402
from benchmark.run.export import export  # noqa: E402
from benchmark.run.kept import Kept, case_bytes, keep, read_case  # noqa: E402
from benchmark.run.results import with_comparable_failures  # noqa: E402
from benchmark.run.runner import Questions, Settings, chunks, key, run_suite  # noqa: E402
from benchmark.run.sources import suites_at_hand  # noqa: E402
from benchmark.suites.table import SUITES  # noqa: E402
from datagen.progress import silent  # noqa: E402
from meshes.errors import UsageError  # noqa: E402
from training.scores import bin_of  # noqa: E402

DISCS = [
    bench_cases.case(number, distance_m) for number, distance_m in enumerate((0.2, 0.25, 0.3, 0.4, 0.6, 0.9, 1.2, 1.6))
]


def questions(folder, cases=DISCS, tracks=("discs", "missing")) -> Questions:
    about = {"name": "discs", "version": 1, "small": True, "count": len(cases), "seed": 7, "recipe": {}}
    return Questions(
        Kept(folder), {**about, "sha256": keep(cases, folder), "published": None, "agrees": True}, "discs-small", tracks
    )


def settings(tmp_path, **changed) -> Settings:
    usual = {"out": tmp_path / "out", "cache": tmp_path, "limit_s": 20.0, "tracks_from": "bench_cases", "chunk": 4}
    return Settings(**{**usual, **changed})


def told(path):
    return json.loads(path.read_text())


# What counts as an answer.


def flow(height=32, width=32, dtype=np.float32):
    return np.zeros((height, width, 2), dtype)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"flow": flow()}, "expected an Answer, got dict"),
        (None, "expected an Answer, got NoneType"),
        (Answer(), "expected rgb, flow, distance_m or points_m, got an answer without any"),
        (Answer(flow=flow(16)), r"flow: expected \(32, 32, 2\) float32, got \(16, 32, 2\) float32"),
        (Answer(flow=flow(dtype=int)), r"flow: expected \(32, 32, 2\) float32, got \(32, 32, 2\) int64"),
        (Answer(flow=flow() * np.nan), "flow: expected finite numbers, got 2048 that are not"),
        (Answer(flow=flow().tolist()), "flow: expected an array"),
        (Answer(rgb=flow()), r"rgb: expected \(32, 32, 3\) uint8, got \(32, 32, 2\) float32"),
        (Answer(rgb=np.zeros((32, 32, 3))), r"rgb: expected \(32, 32, 3\) uint8, got \(32, 32, 3\) float64"),
        (Answer(distance_m=0.0), "distance_m: expected metres above 0, got 0.0"),
        (Answer(distance_m=float("nan")), "distance_m: expected metres above 0, got nan"),
        (Answer(distance_m="0.3"), "distance_m: expected metres above 0, got '0.3'"),
        (Answer(distance_m=True), "distance_m: expected metres above 0, got True"),
        (Answer(points_m=np.zeros((0, 3))), "points_m: expected"),
        (Answer(points_m=np.full((5, 3), np.inf)), "points_m: expected finite numbers, got 15"),
    ],
)
def test_what_is_no_answer_is_named(answer, message):
    with pytest.raises(MethodError, match=message):
        checked(DISCS[0].question, answer)


def test_an_answer_gets_the_dtypes_that_are_measured():
    given = Answer(flow=flow(dtype=np.float64), distance_m=np.float32(0.5), points_m=np.zeros((3, 3), np.float32))
    answer = checked(DISCS[0].question, given)
    assert (answer.flow.dtype, answer.points_m.dtype, answer.distance_m) == (np.float32, np.float64, 0.5)
    assert answer.rgb is None


# Cases on disk, questions as files.


def test_a_case_comes_back_from_its_file(tmp_path):
    for case in (DISCS[0], replace(DISCS[1], truth=replace(DISCS[1].truth, flow=None, K=None))):
        path = tmp_path / "case.npz"
        path.write_bytes(case_bytes(case))
        again = read_case(path)
        assert case_bytes(again) == case_bytes(case)
        assert np.array_equal(again.question.near_rgb, case.question.near_rgb)
        assert again.truth.meta == case.truth.meta
        assert (again.truth.flow is None) == (case.truth.flow is None)


def test_questions_are_exported_with_what_is_seen_alone(tmp_path):
    assert export(DISCS, ("near", "distance"), tmp_path) == 8
    record = told(tmp_path / "questions.json")
    assert record["sees"] == ["distance", "near"]
    assert set(record["questions"]["disc-003"]) == {"far_m", "distance_m", "eye_px"}
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".json"}
    assert len(list(tmp_path.glob("*.near.png"))) == 8
    assert not list(tmp_path.glob("*.far.png"))
    export(DISCS[:1], ("far", "flow"), tmp_path / "all")
    assert np.array_equal(np.load(tmp_path / "all" / "disc-000.flow.npy"), DISCS[0].question.flow)
    with pytest.raises(UsageError, match="--sees: expected some of near, distance"):
        export(DISCS, ("x-ray",), tmp_path)


# Processes.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run with everything that can go wrong beside what goes right."""
    tmp_path = tmp_path_factory.mktemp("run")
    methods = [f"bench_methods:{name}" for name in ("Right", "FlowOnly", "NotOpened", "Thief")]
    asked = questions(tmp_path / "cases")
    return tmp_path, asked, methods, run_suite(asked, methods, settings(tmp_path))


def test_a_method_gets_nothing_that_it_has_not_declared(run):
    """Not by its question, and not by searching all objects of its process."""
    _, _, _, outcome = run
    rows = told(outcome.written["thief"])["rows"]
    assert [row["observed"]["discs/distance_m"] for row in rows] == [[1.0]] * len(DISCS)


def test_results_say_who_was_asked_what(run):
    _, asked, _, outcome = run
    result = told(outcome.written["right"])
    assert result["format"] == "benchmark-result-1"
    assert result["suite"] == json.loads(json.dumps(dict(asked.about)))
    assert result["method"]["sees"] == ["near"]
    assert result["method"]["summary"] == "Knows by how much discs move."
    assert result["machine"]["cores"] >= 1
    assert [row["id"] for row in result["rows"]] == [case.question.id for case in DISCS]
    assert [row["bin"] for row in result["rows"]] == bin_of(torch.tensor([c.truth.distance_m for c in DISCS])).tolist()
    assert all(row["metrics"]["epe_px/disc"] == [0.0, 1.0] for row in result["rows"])
    assert result["summaries"]["discs"]["share_failed/all"]["value"] == 0
    assert result["not_measured"] == {"missing": "expected a package, got none; install it."}
    assert result["not_asked"]["count"] == 0


def test_what_raises_fails_by_name_and_is_scored_by_what_it_says_elsewhere(run):
    _, _, _, outcome = run
    result = told(outcome.written["flow-only"])
    failed = [row for row in result["rows"] if row["status"] == "failed"]
    assert (result["failures"], outcome.failures["flow-only"], outcome.failures["right"]) == (1, 1, 0)
    assert [row["id"] for row in failed] == ["disc-001"]
    assert failed[0]["why"] == "RuntimeError: no disc today"
    assert failed[0]["metrics"] == {"epe_px/disc": [99.0, 1.0]}  # It shows no pictures anywhere.
    assert result["summaries"]["discs"]["share_failed/all"] == {
        "value": 1 / 8, "low": None, "high": None, "count": 8, "why": "",
    }  # fmt: skip


def test_what_cannot_be_opened_is_named_and_stops_nobody(run):
    _, _, _, outcome = run
    assert list(outcome.refused) == ["bench_methods:NotOpened"]
    assert "no such weights" in outcome.refused["bench_methods:NotOpened"]
    assert not outcome.ok
    assert set(outcome.written) == {"right", "flow-only", "thief"}


def test_pictures_lie_beside_the_results(run):
    tmp_path, _, _, _ = run
    folder = tmp_path / "out" / "discs-small"
    assert (folder / "right" / "disc-000.webp").is_file()
    assert {p.name for p in (folder / "truth").iterdir()} >= {"disc-007.near.webp", "disc-007.far.webp"}
    assert not (folder / "flow-only").exists()
    assert not list((tmp_path / "out").rglob("*.part"))


def test_nothing_is_asked_twice(run):
    tmp_path, asked, methods, outcome = run
    assert outcome.made == 3 * len(DISCS)
    again = run_suite(asked, methods[:2], settings(tmp_path))
    assert again.made == 0
    for rows in (tmp_path / "out" / ".rows").iterdir():
        (rows / "disc-005.json").unlink()
    assert run_suite(asked, methods[:1], settings(tmp_path)).made == 1


def test_processes_batches_and_order_change_no_figure(run, tmp_path):
    _, asked, _, outcome = run
    methods = ["bench_methods:FlowOnly", "bench_methods:Right"]
    other = run_suite(asked, methods, settings(tmp_path, workers=2, chunk=3))
    assert set(other.written) == {"right", "flow-only"}
    for name, path in other.written.items():
        a, b = told(path), told(outcome.written[name])
        for rows in (a["rows"], b["rows"]):
            for row in rows:
                assert row.pop("seconds") >= 0
        assert a == b


def test_whatever_goes_wrong_with_an_answer_is_that_answers_failure(tmp_path):
    """Raising, a wrong size, NaN, a wrong type, hanging, a process that ends: each is named, and the next is asked."""
    asked = questions(tmp_path / "cases")
    outcome = run_suite(asked, ["bench_methods:Alternating"], settings(tmp_path, limit_s=2.0))
    rows = told(outcome.written["alternating"])["rows"]
    why = [row["why"] for row in rows]
    assert [row["status"] for row in rows] == ["failed"] * 7 + ["ok"]
    assert why[0] == "ValueError: not this one"
    assert why[1].startswith("flow: expected (32, 32, 2) float32, got (16, 32, 2)")
    assert why[2].startswith("flow: expected finite numbers")
    assert why[3] == "expected an Answer, got dict."
    assert why[4].startswith("rgb: expected (32, 32, 3) uint8")
    assert why[5] == "expected an answer within 2 s, got none; it was stopped."
    assert why[6] == "expected an answer, but its process ended with exit code 7."
    assert why[7] == ""
    assert all(row["metrics"]["epe_px/disc"][0] == 99.0 for row in rows[:7])
    assert rows[5]["seconds"] is None


def test_what_nobody_knows_is_not_asked_and_no_failure(tmp_path):
    unknown = [replace(case, question=replace(case.question, far_rgb=None, far_alpha=None)) for case in DISCS[:2]]
    asked = questions(tmp_path / "cases", [*unknown, DISCS[2]])
    outcome = run_suite(asked, ["bench_methods:Looker"], settings(tmp_path))
    result = told(outcome.written["looker"])
    assert [row["id"] for row in result["rows"]] == ["disc-002"]
    assert result["not_asked"] == {"count": 2, "why": "nobody knows its far."}
    assert outcome.ok


def test_a_process_that_was_killed_is_started_again(tmp_path):
    with Answerer(tmp_path, 20.0) as answerer:
        question = shown(DISCS[6].question, bench_methods.NEAR)
        dead = answerer.ask("bench_methods:Alternating", question)
        assert dead.answer is None
        assert "exit code 7" in dead.why
        well = answerer.ask("bench_methods:Alternating", replace(question, id="disc-007"))
        assert well.answer is not None


def test_two_methods_of_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_methods.Right, "name", "right")
    asked = questions(tmp_path / "cases")
    with pytest.raises(UsageError, match="expected a name of its own, got 'right' again"):
        run_suite(asked, ["bench_methods:Right", f"{bench_methods.__file__}:Right"], settings(tmp_path))


def test_the_key_is_of_everything_that_a_row_depends_on(monkeypatch):
    about = {"name": "discs", "sha256": "a"}
    method = runner.Described("x", "x", bench_methods.NEAR, "", "digest")
    usual = key(about, method, bench_cases.TRACKS, 60.0)
    assert key(about, method, bench_cases.TRACKS, 60.0) == usual
    assert key({**about, "sha256": "b"}, method, bench_cases.TRACKS, 60.0) != usual
    assert key(about, replace(method, digest="other"), bench_cases.TRACKS, 60.0) != usual
    assert key(about, method, {"discs": bench_cases.TRACKS["discs"]}, 60.0) != usual
    assert key(about, method, bench_cases.TRACKS, 6.0) != usual
    monkeypatch.setattr(bench_cases.Discs, "version", "2")
    assert key(about, method, bench_cases.TRACKS, 60.0) != usual
    monkeypatch.setattr(bench_cases.Discs, "version", "1")
    monkeypatch.setattr(runner, "scoring_code", lambda: "other")
    assert key(about, method, bench_cases.TRACKS, 60.0) != usual


def test_everything_is_asked_once():
    for count, size in ((0, 8), (1, 8), (8, 8), (17, 8), (5, 1)):
        parts = chunks(count, size)
        assert [index for part in parts for index in part] == list(range(count))
        assert all(len(part) <= size for part in parts)


def test_where_all_failed_all_is_wrong():
    row = {"status": "failed", "metrics": {"a": [1, 1]}, "observed": {"o": []}}
    assert with_comparable_failures([row]) == [row]


# The command.


def test_misuse_is_one_line(capsys, tmp_path):
    out = ["--out", str(tmp_path), "--cache", str(tmp_path)]
    for words, message in (
        (["run", "--suite", "undistort", *out], "error: --suite: expected undistort-v1"),
        (["run", "--suite", "photos:nowhere", "--method", "none", *out], "expected a folder of photographs"),
        (["run", "--track", "looks", *out], "error: --track: expected some of undistortion"),
        (["run", "--method", "none", "--workers", "-1", *out], "expected --workers 1 or more"),
        (["run", "--method", "nune", *out], "error: --method: expected none, mean-flow"),
    ):
        assert main(words) in (1, 2)
        assert message in capsys.readouterr().err


def test_lists_say_what_there_is(capsys):
    assert main(["suites"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}: " in listed for name in SUITES)
    assert main(["methods"]) == 0
    assert "mean-head-estimated-distance" in capsys.readouterr().out


def test_without_assets_a_suite_of_another_name_is_asked_and_it_is_said(monkeypatch):
    monkeypatch.setattr("benchmark.run.sources.why_not", lambda suite: "no valid." if len(suite.parts) > 1 else "")
    names, said = suites_at_hand()
    assert names == ["undistort-v1-makehuman", "cmdp-synth-v1-makehuman", "verify-v1", "extreme-v1-makehuman"]
    assert said[0].startswith(
        "undistort-v1 cannot be made here; asking undistort-v1-makehuman, which is another suite."
    )


@pytest.fixture
def discs_only(tmp_path, monkeypatch):
    """The command with the discs in the place of any suite, measured by tracks that need nothing."""
    asked = questions(tmp_path / "cases", tracks=("correspondence", "camera"))
    monkeypatch.setattr("benchmark.commands._made", lambda name, wanted: asked)
    return ["run", "--suite", "discs", "--workers", "1", "--out", str(tmp_path / "out"), "--cache", str(tmp_path)]


def test_the_command_ends_with_1_where_anything_failed(discs_only, capsys, tmp_path):
    assert main([*discs_only, "--method", "bench_methods:FlowOnly"]) == 1
    assert "flow-only.json, 1 of 8 answers FAILED" in capsys.readouterr().out
    assert main([*discs_only, "--method", "bench_methods:Right"]) == 0
    assert main([*discs_only, "--method", "bench_methods:Right", "bench_methods:NotOpened"]) == 1
    assert "bench_methods:NotOpened: could not be asked: --method" in capsys.readouterr().out
    kept = told(tmp_path / "out" / "discs-small" / "right.json")
    assert kept["rows"][0]["metrics"]["epe_px/surface"] == [0.0, 1.0]
    assert main([*discs_only, "--method", "bench_methods:Right", "--track", "camera"]) == 0
    assert "epe_px/surface" not in told(tmp_path / "out" / "discs-small" / "right.json")["rows"][0]["metrics"]


def test_answers_made_elsewhere_are_scored_and_their_gaps_fail(discs_only, capsys, tmp_path):
    theirs = tmp_path / "Their Answers"
    theirs.mkdir()
    for case in DISCS[:-1]:
        np.save(theirs / f"{case.question.id}.npy", case.truth.flow)
    np.save(theirs / f"{DISCS[2].question.id}.npy", case.truth.flow[:5])
    assert main([*discs_only, "--method", f"folder:{theirs}"]) == 1
    assert "2 of 8 answers FAILED" in capsys.readouterr().out
    rows = told(tmp_path / "out" / "discs-small" / "their-answers.json")["rows"]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok", "ok", "ok", "ok", "failed"]
    assert rows[2]["why"] == "flow: expected (32, 32, 2) float32, got (5, 32, 2) float32."
    assert rows[7]["why"] == "disc-007: expected disc-007.flo or .npy in Their Answers, found none."
    assert rows[0]["metrics"]["epe_px/surface"] == [0.0, 1.0]


def test_photographs_are_read_once(tmp_path, monkeypatch):
    read = []

    def cases(folder, size):
        read.append((folder, size))
        return iter(DISCS)

    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a_near.jpg").write_bytes(b"photo")
    monkeypatch.setitem(sources.REAL, "photos", sources.Real(cases, ("camera",)))
    wanted = sources.Wanted(True, tmp_path / "cache", 1)
    first = sources.questions(f"photos:{photos}", wanted, silent)
    assert (first.folder, first.tracks, first.about["count"]) == ("photos-small", ("camera",), 8)
    again = sources.questions(f"photos:{photos}", wanted, silent)
    assert read == [(photos, 256)]
    assert [case.question.id for case in again.source.cases()] == [case.question.id for case in DISCS]
    (photos / "a_near.jpg").write_bytes(b"another photo")
    sources.questions(f"photos:{photos}", wanted, silent)
    assert len(read) == 2
