import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nutgraf.arrays import EOS
from nutgraf.data.cache import CHUNK, TokenCache, build_cache
from nutgraf.data.rows import Row, row_number
from nutgraf.errors import DataError


class Letters:
    """A tokenizer whose tokens are characters."""

    vocabulary_size = 300
    fingerprint = "letters"

    def __init__(self):
        self.largest_batch = 0

    def encode_batch(self, texts):
        self.largest_batch = max(self.largest_batch, len(texts))
        return [[ord(char) % 256 + 3 for char in text] for text in texts]


ROWS = [
    Row("one", "abcdef", ("xyz", "not this one")),
    Row("two", "", ("abcdefgh",)),
    Row("three", "ab", ()),
]


def ids(text):
    return [ord(char) + 3 for char in text]


def build(folder, rows=ROWS, tokenizer=None, source=4, target=5, name="data"):
    return build_cache(rows, tokenizer or Letters(), folder, source, target, name)


def test_rows_are_cut_and_end_with_the_end_token_unless_cut(tmp_path):
    cache = build(tmp_path)
    assert len(cache) == 3
    assert [cache.source(n).tolist() for n in range(3)] == [
        ids("abcd"),
        [],
        ids("ab"),
    ]
    assert [cache.target(n).tolist() for n in range(3)] == [
        [*ids("xyz"), EOS],
        ids("abcde"),
        [EOS],
    ]
    assert cache.source_lengths.tolist() == [4, 0, 2]
    assert cache.target_lengths.tolist() == [4, 5, 1]
    assert cache.row_numbers.tolist() == [row_number(row.id) for row in ROWS]
    assert cache.row_numbers.dtype == np.int32
    assert cache.truncated == {"source": 1, "target": 1}


def test_a_target_that_just_fits_keeps_its_end(tmp_path):
    cache = build(tmp_path, [Row("r", "a", ("abcd",))])
    assert cache.target(0).tolist() == [*ids("abcd"), EOS]
    assert cache.truncated["target"] == 0


def test_rows_are_read_as_a_stream_in_order(tmp_path):
    tokenizer = Letters()
    rows = (Row(str(n), str(n), (str(n),)) for n in range(3 * CHUNK + 7))
    cache = build(tmp_path, rows, tokenizer, source=9)
    assert tokenizer.largest_batch == CHUNK
    assert len(cache) == 3 * CHUNK + 7
    for index in (0, CHUNK - 1, CHUNK, 3 * CHUNK + 6):
        assert cache.source(index).tolist() == ids(str(index))


@pytest.mark.parametrize("size", [2**16, 2**16 + 1])
def test_ids_beyond_16_bits_are_kept_whole(tmp_path, size):
    class Wide(Letters):
        vocabulary_size = size

        def encode_batch(self, texts):
            return [[size - 1] for _ in texts]

    cache = build(tmp_path, tokenizer=Wide())
    assert cache.source(0).tolist() == [size - 1]
    assert cache.source(0).dtype == (np.uint16 if size <= 2**16 else np.int32)


def test_the_same_data_is_not_tokenised_again(tmp_path):
    build(tmp_path)
    tokenizer = Letters()
    assert len(build(tmp_path, iter(()), tokenizer)) == 3
    assert tokenizer.largest_batch == 0


def test_other_data_limits_or_tokenizers_make_another_cache(tmp_path):
    other = Letters()
    other.fingerprint = "others"
    folders = {
        build(tmp_path).folder,
        build(tmp_path, source=3).folder,
        build(tmp_path, target=3).folder,
        build(tmp_path, name="more").folder,
        build(tmp_path, tokenizer=other).folder,
    }
    assert len(folders) == 5


def test_what_breaks_off_leaves_no_cache(tmp_path):
    def rows():
        yield from ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, rows())
    assert list(tmp_path.iterdir()) == []
    assert len(build(tmp_path)) == 3


def test_no_rows_make_an_empty_cache(tmp_path):
    assert len(build(tmp_path, [])) == 0


@pytest.mark.parametrize("name", ["cache.json", "rows.npy", "source_starts.npy"])
def test_a_damaged_cache_is_named(tmp_path, name):
    folder = build(tmp_path).folder
    (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match="must be a token cache"):
        TokenCache(folder)


def test_a_cut_off_cache_is_named(tmp_path):
    folder = build(tmp_path).folder
    (folder / "source.bin").write_bytes(b"12")
    with pytest.raises(DataError, match="must be a token cache"):
        TokenCache(folder)


MEASURE = """
import itertools, sys
from pathlib import Path
from nutgraf.data.cache import build_cache
from nutgraf.data.files import read_rows
from nutgraf.text.tokenizer import Tokenizer

file, folder = sys.argv[1], Path(sys.argv[2])
texts = (row.document for row in itertools.islice(read_rows(file), 100))
tokenizer = Tokenizer.train(texts, 2000)
for count in (2048, None):
    rows = itertools.islice(read_rows(file), count)
    cache = build_cache(rows, tokenizer, folder, 400, 100, str(count))
    sum(int(cache.source(index)[-1]) for index in range(len(cache)))  # reads all
    status = Path("/proc/self/status").read_text()
    print(len(cache), int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


@pytest.mark.data
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_memory_does_not_grow_with_rows(shared_data, tmp_path):
    """The most the process ever held: after 2,048 rows, and after all 15,469.

    Not `ru_maxrss`: a new process inherits there what pytest itself has held.
    """
    file = shared_data / "cnndm_tok.train.jsonl.gz"
    command = [sys.executable, "-c", MEASURE, str(file), str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    )
    (few, first), (many, second) = (
        map(float, line.split()) for line in done.stdout.splitlines()
    )
    assert (few, many) == (2048, 15469)
    # The ids are mapped from disk and counted: 12 MiB. As Python lists and texts the
    # 13,421 rows more would take over 200 MiB.
    assert second - first < 40  # MiB
    assert second < 400


def test_rows_can_be_encoded_by_a_function(tmp_path):
    def encode(rows):
        return [[7, 8] for _ in rows], [[int(row.id), 2] for row in rows]

    rows = [Row("3", "a"), Row("4", "b")]
    cache = build_cache(rows, Letters(), tmp_path, 9, 9, "made", encode)
    assert [cache.target(n).tolist() for n in range(2)] == [[3, 2], [4, 2]]
    assert cache.source(1).tolist() == [7, 8]
