"""The Ray engine on a real local cluster of two nodes: the same bytes, whatever is killed under way."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake import fake_run, fake_sample

from datagen.database import DatabaseError, MisuseError
from datagen.engine import generate
from datagen.ray_engine import RayEngine
from datagen.sample import Sample

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'perspective-portraits[ray]')")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SIZE = 16
RUN = fake_run(pairs=12, shard_pairs=2, size=SIZE)
make = functools.partial(fake_sample, size=SIZE)
TESTS = str(Path(__file__).parent)


def killed_once(index: int, marks: str) -> Sample:
    """A renderer whose process the system kills the first time it reaches sample 5."""
    mark = Path(marks) / "killed"
    if index == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return make(index)


def always_killed(index: int) -> Sample:
    """A renderer that never survives sample 5."""
    if index == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return make(index)


def fails_at_5(index: int) -> Sample:
    """A renderer with a fault."""
    if index == 5:
        raise ZeroDivisionError("no area")
    return make(index)


def slow(index: int, marks: str) -> Sample:
    """A renderer that says where it works and takes its time."""
    (Path(marks) / f"{ray.get_runtime_context().get_node_id()}-{index}").touch()
    time.sleep(0.5)
    return make(index)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("unbroken")
    generate(RUN, folder, make)
    return content(folder)


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes, each with its own processes; the head alone cannot be spared."""
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}:{Path(TESTS).parent}")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_nodes_write_the_same_bytes(cluster, tmp_path, unbroken):
    seen = []
    engine = RayEngine(cluster.address)
    generate(RUN, tmp_path, make, engine=engine, progress=lambda done, total: seen.append((done, total)))
    assert content(tmp_path) == unbroken
    assert seen[-1] == (12, 12)


def test_a_killed_worker_is_replaced(cluster, tmp_path, unbroken):
    (tmp_path / "marks").mkdir()
    maker = functools.partial(killed_once, marks=str(tmp_path / "marks"))
    generate(RUN, tmp_path / "set", maker, engine=RayEngine(cluster.address))
    assert (tmp_path / "marks" / "killed").exists()
    assert content(tmp_path / "set") == unbroken


def test_a_killed_node_loses_nothing(cluster, tmp_path, unbroken):
    (tmp_path / "marks").mkdir()
    spare = cluster.worker_nodes.copy().pop()
    killed = []

    def kill_when_it_works(done: int, total: int) -> None:
        worked = {path.name.partition("-")[0] for path in (tmp_path / "marks").iterdir()}
        if not killed and spare.unique_id in worked | {spare.unique_id} and len(worked) == 2:
            killed.append(spare)
            cluster.remove_node(spare, allow_graceful=False)

    maker = functools.partial(slow, marks=str(tmp_path / "marks"))
    generate(RUN, tmp_path / "set", maker, engine=RayEngine(cluster.address), progress=kill_when_it_works)
    assert killed
    assert content(tmp_path / "set") == unbroken


def test_a_killed_driver_is_resumed(cluster, tmp_path, unbroken):
    (tmp_path / "marks").mkdir()
    script = f"""
import functools, sys
sys.path.insert(0, {TESTS!r})
import test_ray as t
t.generate(t.RUN, {str(tmp_path / "set")!r}, functools.partial(t.slow, marks={str(tmp_path / "marks")!r}),
           engine=t.RayEngine({cluster.address!r}))
"""
    driver = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "set").glob("shard-*.json"))) < 2:
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    summary = generate(RUN, tmp_path / "set", make, engine=RayEngine(cluster.address))
    assert summary.resumed >= 4
    assert content(tmp_path / "set") == unbroken


def test_a_shard_that_no_node_survives_is_named(cluster, tmp_path):
    with pytest.raises(DatabaseError, match=r"shard 2: expected a node to finish it, but it was lost 2 times"):
        generate(RUN, tmp_path, always_killed, engine=RayEngine(cluster.address, retries=1))


def test_a_fault_is_named_with_its_sample(cluster, tmp_path):
    with pytest.raises(DatabaseError, match="sample 5: expected a sample, got ZeroDivisionError: no area"):
        generate(RUN, tmp_path, fails_at_5, engine=RayEngine(cluster.address))


def test_without_an_address_ray_starts_here(tmp_path, unbroken, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}:{Path(TESTS).parent}")
    generate(RUN, tmp_path, make, workers=2, engine=RayEngine())
    assert content(tmp_path) == unbroken


def test_no_cluster_at_an_address_is_one_message(tmp_path):
    with pytest.raises(MisuseError, match=r"--address 127\.0\.0\.1:1: expected a Ray cluster"):
        generate(RUN, tmp_path, make, engine=RayEngine("127.0.0.1:1"))


def test_sigterm_reaches_the_run_and_says_how_to_go_on(tmp_path):
    (tmp_path / "marks").mkdir()
    script = f"""
import functools, sys
sys.path[:0] = [{TESTS!r}, {str(Path(TESTS).parent)!r}]
import test_ray as t
from datagen.database import StoppedError
try:
    t.generate(t.RUN, {str(tmp_path / "set")!r}, functools.partial(t.slow, marks={str(tmp_path / "marks")!r}),
               workers=2, engine=t.RayEngine())
except StoppedError as error:
    print(error, file=sys.stderr)
    sys.exit(128 + error.signal)
"""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{Path(TESTS).parent}"}
    driver = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "marks").iterdir()):
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.send_signal(signal.SIGTERM)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 128 + signal.SIGTERM
    assert "got SIGTERM. Finished shards are intact; run the same command again to go on." in said
