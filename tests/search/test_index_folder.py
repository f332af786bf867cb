"""Whole at any moment: kill -9 in mid-build, resume, corruption, other folders."""

import itertools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.search import index_folder
from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.searcher import Searcher
from nutgraf.tasks.search import Document
from tests.search.toy_search import HashEmbedder, toy_documents

ROOT = Path(__file__).resolve().parents[2]


def contents(folder):
    """Ids of the documents of an index that is whole."""
    return [document.id for document in open_index(folder).documents]


def test_written_and_opened(tmp_path):
    documents = [*toy_documents(), Document("empty", "")]
    embedder = HashEmbedder()
    built = build_index(tmp_path / "i", documents, embedder, "none", "some/model")
    index = open_index(tmp_path / "i")
    assert index.manifest == built and index.documents == documents
    assert (built.documents, built.embedder, built.stem) == (25, "hash", "none")
    found = index.vectors.get(np.arange(25))
    expected = embedder([document.content for document in documents])
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-5)
    assert (found[-1] == 0).all()  # an empty document means nothing
    assert {path.name for path in (tmp_path / "i").iterdir()} == {
        "manifest.json",
        built.generation,
    }


def test_a_new_index_replaces_the_old_one(tmp_path):
    build_index(tmp_path / "i", toy_documents(), HashEmbedder())
    build_index(tmp_path / "i", toy_documents(2))
    index = open_index(tmp_path / "i")
    assert len(index.documents) == 8 and index.vectors is None
    assert len(list((tmp_path / "i").glob("g-*"))) == 1


def test_the_same_documents_again_get_another_name(tmp_path):
    folder, names = tmp_path / "i", []
    for _ in range(3):
        names.append(build_index(folder, toy_documents(2)).generation)
        assert len(contents(folder)) == 8 and len(list(folder.iterdir())) == 2
    assert names == [names[0], f"{names[0]}-2", names[0]]


@pytest.mark.parametrize("each", [3, 4])
def test_valid_after_a_stop_before_any_rename(tmp_path, monkeypatch, each):
    """Of a build of the same documents, or of others."""
    folder = tmp_path / "i"
    replace = Path.replace
    for stop in itertools.count():
        build_index(folder, toy_documents(3), HashEmbedder())
        left = [stop]

        def renamed(path, target, left=left):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return replace(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", renamed)
            try:
                build_index(folder, toy_documents(each), HashEmbedder())
                break
            except KeyboardInterrupt:
                assert len(contents(folder)) == 12
    assert stop == 3  # vectors, generation, manifest
    assert len(contents(folder)) == 4 * each


def test_what_killed_builds_left_is_removed(tmp_path):
    folder = tmp_path / "i"
    build_index(folder, toy_documents(2))
    for name in (".g-1.7.part", ".g-1.7.old", "g-1", "building"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("a")
    (folder / ".manifest.json.7.part").write_text("{")
    (folder / ".mine").write_text("a")
    built = build_index(folder, toy_documents(2))
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        built.generation,
        ".mine",
    }


class Stopping(HashEmbedder):
    """Fails at its third call."""

    def __call__(self, texts):
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().__call__(texts)


def test_an_interrupted_build_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(index_folder, "BATCH", 5)
    with pytest.raises(KeyboardInterrupt):
        build_index(tmp_path / "i", toy_documents(), Stopping())
    with pytest.raises(DataError, match="which is not finished"):
        open_index(tmp_path / "i")
    embedder, told = HashEmbedder(), []
    build_index(tmp_path / "i", toy_documents(), embedder, report=told.append)
    assert embedder.calls == 3  # of five batches, two were there
    assert told == [5, 10, 15, 20, 24]
    whole = build_index(tmp_path / "whole", toy_documents(), HashEmbedder())
    assert open_index(tmp_path / "i").manifest.generation == whole.generation
    vectors = [
        open_index(tmp_path / n).vectors.get(np.arange(24)) for n in ("i", "whole")
    ]
    np.testing.assert_array_equal(*vectors)


SLOW_BUILD = """
import sys, time
from nutgraf.search import index_folder
from tests.search.toy_search import HashEmbedder, toy_documents

class Slow(HashEmbedder):
    name = "slow"
    def __call__(self, texts):
        time.sleep(0.05)
        return super().__call__(texts)

index_folder.BATCH = 2
while True:
    for each in (4, 5, 5):
        index_folder.build_index(sys.argv[1], toy_documents(each), Slow())
        print("built", flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.13, 0.37, 0.52])
def test_valid_after_kill_9(tmp_path, delay):
    folder = tmp_path / "i"
    build_index(folder, toy_documents(3), HashEmbedder())
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_BUILD, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob("building/*/*.npy")) and time.monotonic() < deadline:
        time.sleep(0.01)  # until it is in the middle of its first build
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(contents(folder)) in (12, 16, 20)
    Searcher(open_index(folder)).search("wing")
    build_index(folder, toy_documents(6), HashEmbedder())
    assert len(contents(folder)) == 24
    assert not [path for path in folder.iterdir() if path.name == "building"]


@pytest.mark.parametrize("step", ["write_json", "atomic_folder", "Bm25"])
def test_a_crash_at_any_step_leaves_the_old_index(tmp_path, monkeypatch, step):
    folder = tmp_path / "i"
    build_index(folder, toy_documents(3), HashEmbedder())

    def crash(*args):
        raise MemoryError

    with monkeypatch.context() as patch:
        target = index_folder.Bm25 if step == "Bm25" else index_folder
        patch.setattr(target, "build" if step == "Bm25" else step, crash)
        with pytest.raises(MemoryError):
            build_index(folder, toy_documents(4), HashEmbedder())
    assert len(contents(folder)) == 12
    build_index(folder, toy_documents(4), HashEmbedder())
    assert len(contents(folder)) == 16


def damage(folder):
    """Name -> a way to break an index, and what is said then."""
    own = next(folder.glob("g-*"))
    manifest = folder / "manifest.json"

    def torn(path):
        return lambda: path.write_bytes(path.read_bytes()[:-7])

    def changed(**values):
        settings = json.loads(manifest.read_text())
        return lambda: manifest.write_text(json.dumps(settings | values))

    return {
        "a torn text": (torn(own / "documents.jsonl"), "differs from what was written"),
        "torn vectors": (
            torn(own / "vectors.usearch"),
            "differs from what was written",
        ),
        "no bm25": ((own / "bm25" / "params.index.json").unlink, "which is missing"),
        "no folder": (lambda: own.rename(folder / "other"), "which is missing"),
        "torn manifest": (torn(manifest), "must be the JSON of an index"),
        "a list": (lambda: manifest.write_text("[]"), "must be the JSON of an index"),
        "a new format": (changed(format="2"), "must have the format"),
        "an odd key": (changed(colour=3), "must be the JSON of an index"),
        "no manifest": (manifest.unlink, "which has no manifest.json"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "a torn text",
        "torn vectors",
        "no bm25",
        "no folder",
        "torn manifest",
        "a list",
        "a new format",
        "an odd key",
        "no manifest",
    ],
)
def test_a_corrupt_index_is_told(name, tmp_path):
    build_index(tmp_path / "i", toy_documents(), HashEmbedder())
    hurt, message = damage(tmp_path / "i")[name]
    hurt()
    with pytest.raises(DataError, match=message) as caught:
        open_index(tmp_path / "i")
    assert "Build it again with `nutgraf index`" in str(caught.value)


def test_what_is_no_index_is_told(tmp_path):
    with pytest.raises(DataError, match="which does not exist"):
        open_index(tmp_path / "absent")
    with pytest.raises(DataError, match="at least one document with a text"):
        build_index(tmp_path / "i", [Document("1", " ")])
    with pytest.raises(DataError, match="Received: 0 documents"):
        build_index(tmp_path / "i", [])
    (tmp_path / "mine.txt").write_text("a")
    for other in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(ConfigError, match="which holds other files"):
            build_index(other, toy_documents())
    assert (tmp_path / "mine.txt").read_text() == "a"
