"""Sets at addresses: the same bytes as in a folder, resumable, on a stand-in of an object store."""

import functools
import json

import pytest
from fake import fake_run, fake_sample

from datagen.database import DatabaseError, MisuseError
from datagen.engine import generate
from datagen.places import Bucket, Folder, place
from datagen.verify import verify

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (pip install 'perspective-portraits[remote]')")

SIZE = 16
RUN = fake_run(pairs=6, shard_pairs=2, size=SIZE)
make = functools.partial(fake_sample, size=SIZE)


@pytest.fixture
def memory():
    """A store in this process."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs.clear()
    yield store
    store.store.clear()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """An S3 server on loopback, and an address in it that nobody has used."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server_of = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer
    server = server_of("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    patch = pytest.MonkeyPatch()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        patch.setenv(name, value)
    store = fsspec.filesystem("s3")
    store.mkdir("portraits")
    yield store, "s3://portraits/set"
    patch.undo()
    server.stop()


@pytest.fixture(scope="module")
def in_folder(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("folder")
    generate(RUN, folder, make)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def objects(store, root: str) -> dict[str, bytes]:
    return {name.rsplit("/", 1)[-1]: store.cat_file(name) for name in store.ls(root, detail=False)}


def test_an_address_holds_what_a_folder_holds(memory, in_folder):
    summary = generate(RUN, "memory://sets/one", make)
    assert (summary.out, summary.written, summary.missing) == ("memory://sets/one", 6, 0)
    assert objects(memory, "/sets/one") == in_folder


@pytest.mark.filterwarnings("ignore")
def test_an_object_store_holds_what_a_folder_holds_and_reads_back(bucket, in_folder, tmp_path):
    store, address = bucket
    generate(RUN, address, make)
    assert objects(store, "portraits/set") == in_folder
    store.get("portraits/set/", str(tmp_path / "copy"), recursive=True)
    assert verify(tmp_path / "copy").samples == 6


@pytest.mark.parametrize("lost", ["shard-000001.tar", "shard-000001.json"])
def test_what_is_missing_is_made_again(memory, in_folder, lost):
    generate(RUN, "memory://sets/two", make)
    memory.rm(f"/sets/two/{lost}")
    summary = generate(RUN, "memory://sets/two", make)
    assert summary.resumed == 4
    assert objects(memory, "/sets/two") == in_folder


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_side_file_costs_its_shard(memory, in_folder, damage):
    generate(RUN, "memory://sets/three", make)
    memory.pipe_file("/sets/three/shard-000000.json", damage)
    assert generate(RUN, "memory://sets/three", make).resumed == 4
    assert objects(memory, "/sets/three") == in_folder


def test_another_run_is_refused_and_nothing_is_touched(memory):
    generate(RUN, "memory://sets/four", make)
    before = objects(memory, "/sets/four")
    with pytest.raises(DatabaseError, match="holds another run: seed"):
        generate(fake_run(pairs=6, shard_pairs=2, size=SIZE, seed=9), "memory://sets/four", make)
    assert objects(memory, "/sets/four") == before


def test_a_place_of_other_things_is_refused(memory):
    memory.pipe_file("/sets/five/thesis.doc", b"mine")
    with pytest.raises(DatabaseError, match=r"expected nothing or a database, found 'thesis\.doc'"):
        generate(RUN, "memory://sets/five", make)


def test_a_store_that_fails_is_one_message(memory, monkeypatch):
    def refuse(*words, **named):
        raise PermissionError("denied")

    monkeypatch.setattr(type(memory), "put_file", refuse)
    with pytest.raises(DatabaseError, match=r"PermissionError: denied\. Check address, credentials and network"):
        generate(RUN, "memory://sets/six", make)


@pytest.mark.parametrize("address", ["nosuch://bucket/set", "gs2://x"])
def test_an_address_that_nothing_opens_is_refused(address):
    with pytest.raises(MisuseError, match="expected an address that fsspec can open"):
        generate(RUN, address, make)


def test_paths_are_folders_and_addresses_are_buckets(tmp_path):
    assert place(tmp_path) == Folder(tmp_path)
    assert place(f"file://{tmp_path}") == Folder(tmp_path)
    assert place("s3://bucket/set/") == Bucket("s3://bucket/set")


def test_the_index_says_the_same_as_in_a_folder(memory, in_folder):
    generate(RUN, "memory://sets/seven", make)
    assert json.loads(memory.cat_file("/sets/seven/index.json")) == json.loads(in_folder["index.json"])
