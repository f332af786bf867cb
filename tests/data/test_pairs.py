"""Preference pairs: from files, from scores, split by prompt."""

import gzip
import json
import math

import pytest

from nutgraf.data.judged import JudgedRow, JudgedText, read_judged
from nutgraf.data.pairs import (
    Pair,
    fold_of,
    pairs_from_scores,
    read_pairs,
    split_pairs,
)
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError


def write(folder, records):
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def record(**changed):
    return {"prompt": "p", "chosen": "good", "rejected": "bad"} | changed


def test_pairs_are_read_in_order(tmp_path):
    path = write(
        tmp_path, [record(), record(margin=2), record(margin=None, rejected="")]
    )
    assert read_pairs(path) == [
        Pair("p", "good", "bad", None, f"{path}:1"),
        Pair("p", "good", "bad", 2.0, f"{path}:2"),
        Pair("p", "good", "", None, f"{path}:3"),
    ]


BAD = {
    "`prompt` is empty": record(prompt=" "),
    "`prompt` must be text, not list": record(prompt=["p"]),
    "the field `chosen` is missing": {
        "prompt": "p",
        "chosen_text": "a",
        "rejected": "b",
    },
    "did you mean `chosen_text`?": {"prompt": "p", "chosen_text": "a", "rejected": "b"},
    "`rejected` must be text, not [{'role'": record(rejected=[{"role": "user"}]),
    "are the same text, 'bad'": record(chosen="bad"),
    "`margin` must be a number > 0, not 0": record(margin=0),
    "`margin` must be a number > 0, not True": record(margin=True),
    "`margin` must be a number > 0, not '1'": record(margin="1"),
    "`margin` must be a number > 0, not nan": record(margin=math.nan),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_lines_are_named_or_left_out(tmp_path, reason):
    path = write(tmp_path, [record(), BAD[reason]])
    with pytest.raises(DataError) as error:
        read_pairs(path)
    assert f"{path}:2: " in str(error.value) and reason in str(error.value)
    with pytest.warns(UserWarning, match="left out 1 bad row"):
        assert len(read_pairs(path, bad_rows="skip")) == 1


def test_something_must_be_left(tmp_path):
    with pytest.raises(DataError, match="at least one usable row"):
        read_pairs(write(tmp_path, [record(chosen="bad")]), bad_rows="skip")


BROKEN = {
    b'{"prompt": "p", "chosen"': ":2: broken JSON",
    b'["p", "good", "bad"]': ":2: must be a JSON object, not list",
    b'{"prompt": "\xff", "chosen": "a", "rejected": "b"}': "pairs.jsonl",
}


@pytest.mark.parametrize("line", BROKEN)
def test_lines_that_are_no_records_are_named(tmp_path, line):
    path = write(tmp_path, [record()])
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(DataError) as error:
        read_pairs(path)
    assert BROKEN[line] in str(error.value)


def test_a_torn_file_and_an_absent_one_are_named(tmp_path):
    path = tmp_path / "torn.jsonl.gz"
    path.write_bytes(gzip.compress(write(tmp_path, [record()] * 99).read_bytes())[:-9])
    with pytest.raises(DataError, match=r"torn\.jsonl\.gz"):
        read_pairs(path)
    with pytest.raises(DataError, match=r"absent\.jsonl.*does not"):
        read_pairs(tmp_path / "absent.jsonl")


def judged(name, *texts):
    scored = (
        JudgedText(system, text, {"fluency": fluency, "focus": focus})
        for system, text, fluency, focus in texts
    )
    return JudgedRow(Row(name, f"Article {name}."), tuple(scored))


def test_the_higher_mean_is_chosen_and_ties_are_dropped():
    third = 1 / 3
    row = judged(
        "x",
        ("A", "a", 5.0, 2.0),  # 3.5
        ("B", "b", 4.0, 3.5),  # 3.75
        ("C", "c", 5 - third, 2 + third),  # 3.5 again, rounded otherwise
        ("D", "b", 1.0, 1.0),  # the same text as B: no pair with it
    )
    pairs = pairs_from_scores([row])
    found = [(pair.origin, round(pair.margin, 9)) for pair in pairs]
    assert found == [
        ("x: B > A", 0.25),
        ("x: A > D", 2.5),
        ("x: B > C", 0.25),
        ("x: C > D", 2.5),
    ]
    assert all(pair.prompt == "Article x." for pair in pairs)
    assert (pairs[0].chosen, pairs[0].rejected) == ("b", "a")


def test_dimensions_can_be_chosen():
    row = judged("x", ("A", "a", 5.0, 2.0), ("B", "b", 4.0, 3.5))
    assert pairs_from_scores([row], ["fluency"])[0].origin == "x: A > B"
    assert pairs_from_scores([row], ["focus"])[0].margin == 1.5
    with pytest.raises(ConfigError, match="Received: 'tone'"):
        pairs_from_scores([row], ["tone"])
    with pytest.raises(DataError, match="Received: none"):
        pairs_from_scores([])


def test_no_prompt_is_on_both_sides_and_each_is_held_out_once():
    rows = [
        judged(str(n), ("A", "a", 5.0, 2.0), ("B", "b", 1.0, 1.0), ("C", "c", 3.0, 1.0))
        for n in range(40)
    ]
    pairs = pairs_from_scores(rows)
    held = []
    for fold in range(4):
        train, test = split_pairs(pairs, fold, 4)
        assert not {p.prompt for p in train} & {p.prompt for p in test}
        assert sorted(train + test) == sorted(pairs)
        assert 3 * 4 <= len(test) <= 3 * 16
        held += test
    assert sorted(held) == sorted(pairs)


def test_a_part_is_split_again_by_a_number_without_a_common_factor():
    train, _ = split_pairs([Pair(f"p{n}", "a", "b") for n in range(200)], 0, 5)
    assert split_pairs(train, 0, 10).test == []  # what is 0 of 10 was 0 of 5
    for folds in (3, 8):
        assert len(split_pairs(train, 0, folds).test) > len(train) / folds / 2


def test_folds_depend_on_the_prompt_alone():
    pairs = [Pair(f"p{n}", "a", "b") for n in range(9)]
    whole, part = split_pairs(pairs, 1), split_pairs(pairs[::-2], 1)
    assert set(part.test) <= set(whole.test) and set(part.train) <= set(whole.train)
    with pytest.raises(ConfigError, match="fold=5, folds=5"):
        split_pairs(pairs, 5)
    with pytest.raises(ConfigError, match="folds=1"):
        split_pairs(pairs, 0, 1)
    with pytest.raises(ConfigError, match="at least 2"):
        fold_of("p", 0)


@pytest.mark.data
def test_pairs_of_summeval(shared_data):
    rows = read_judged(shared_data / "summeval.jsonl.gz")
    assert len(rows) == 100 and {len(row.texts) for row in rows} == {16}
    pairs = pairs_from_scores(rows)
    assert 10_000 < len(pairs) < 100 * 120
    assert min(pair.margin for pair in pairs) > 0.08  # a twelfth of a point
    sizes = [len(split_pairs(pairs, fold).test) for fold in range(5)]
    assert sum(sizes) == len(pairs) and min(sizes) > 1000
