import gzip
import json

import pytest

from nutgraf.data.pair_files import load_pairs
from nutgraf.errors import ConfigError, DataError

PAIR = {"prompt": "p", "chosen": "good", "rejected": "bad"}


def judged(*scores):
    systems = [
        {"system": name, "summary": f"text {name}", "scores": {"a": a, "b": b}}
        for name, a, b in scores
    ]
    return {"id": "1", "document": "d", "references": ["r"], "systems": systems}


def write(path, *records):
    text = "\n" + "".join(json.dumps(one) + "\n" for one in records)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as stream:
        stream.write(text)
    return path


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.dat"])
def test_either_kind_is_known_by_its_first_record(tmp_path, name):
    (pair,) = load_pairs(write(tmp_path / name, PAIR))
    assert (pair.chosen, pair.rejected) == ("good", "bad")
    scored = write(tmp_path / f"scored-{name}", judged(("A", 1, 5), ("B", 2, 1)))
    (pair,) = load_pairs(scored)
    assert pair.origin == "1: A > B" and pair.margin == 1.5
    (pair,) = load_pairs(scored, human=["a"])
    assert pair.origin == "1: B > A"


def test_mistakes_are_told(tmp_path):
    pairs = write(tmp_path / "pairs.jsonl", PAIR)
    with pytest.raises(ConfigError, match="has no scores. Received: human=a, b for"):
        load_pairs(pairs, human=("a", "b"))
    tied = write(tmp_path / "tied.jsonl", judged(("A", 1, 1), ("B", 1, 1)))
    with pytest.raises(DataError, match="where all are tied"):
        load_pairs(tied)
    with pytest.raises(DataError, match="absent.jsonl"):
        load_pairs(tmp_path / "absent.jsonl")
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    with pytest.raises(DataError, match="torn.jsonl.gz"):
        load_pairs(tmp_path / "torn.jsonl.gz")
    (tmp_path / "list.jsonl").write_text("[1]\n")
    with pytest.raises(DataError, match="must be a JSON object, not list"):
        load_pairs(tmp_path / "list.jsonl")


def test_bad_rows_can_be_left_out_of_both(tmp_path):
    for number, record in enumerate((PAIR, judged(("A", 1, 5), ("B", 2, 1)))):
        path = write(tmp_path / f"{number}.jsonl", record, {"x": 1})
        with pytest.raises(DataError):
            load_pairs(path)
        with pytest.warns(UserWarning, match="left out 1 bad row"):
            assert len(load_pairs(path, bad_rows="skip")) == 1
        lines = []
        load_pairs(path, bad_rows="skip", report=lines.append)
        assert len(lines) == 1 and f"{path}:3: " in lines[0]
