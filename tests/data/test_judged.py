"""Judged texts: read in order, bad lines named with file, line and value."""

import copy
import gzip
import json

import pytest

from nutgraf.data.judged import JudgedText, chosen_dimensions, read_judged
from nutgraf.errors import ConfigError, DataError


def article(name="a", document="It rained all day."):
    return {
        "id": name,
        "document": document,
        "references": ["It rained.", "Rain."],
        "systems": [
            {"system": "A", "summary": "Rain.", "scores": {"fluency": 5, "focus": 2.5}},
            {"system": "B", "summary": "", "scores": {"fluency": 1, "focus": 4}},
        ],
    }


def write(folder, records, name="judged.jsonl"):
    path = folder / name
    text = "".join(json.dumps(one) + "\n" for one in records)
    path.write_bytes(
        gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    )
    return path


@pytest.mark.parametrize("name", ["judged.jsonl", "judged.jsonl.gz"])
def test_articles_come_in_order_with_their_texts(tmp_path, name):
    path = write(tmp_path, [article("a"), article("b")], name)
    first, second = read_judged(path)
    assert (first.row.id, second.row.id) == ("a", "b")
    assert first.row.references == ("It rained.", "Rain.")
    assert first.row.origin == f"{path}:1"
    assert first.texts[0] == JudgedText("A", "Rain.", {"fluency": 5.0, "focus": 2.5})
    assert first.texts[1].text == ""
    assert len(read_judged(path, limit=1)) == 1
    assert read_judged(path, references=1)[1].row.references == ("It rained.",)


def test_scores_have_the_order_of_the_first_and_systems_may_be_absent(tmp_path):
    second = article("b")
    second["systems"] = second["systems"][1:]
    second["systems"][0]["scores"] = {"extra": 3, "focus": 4, "fluency": 1}
    rows = read_judged(write(tmp_path, [article("a"), second]))
    assert [one.system for one in rows[1].texts] == ["B"]
    assert list(rows[1].texts[0].scores.items()) == [("fluency", 1.0), ("focus", 4.0)]


def change(*keys, to=None):
    """A function that changes one place of an article; without `to` it is removed."""

    def changed():
        record = copy.deepcopy(article("b"))
        place = record
        for key in keys[:-1]:
            place = place[key]
        if to is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = to
        return record

    return changed


BAD = {
    "the field `document` is missing": change("document"),
    "the field `references` is missing": change("references"),
    "`references` is empty": change("references", to=[]),
    "the field `systems` is missing": change("systems"),
    "`systems` is empty": change("systems", to=[]),
    "`systems` must be a list, not {'A': 1}": change("systems", to={"A": 1}),
    "system 1: must be a JSON object, not 'A'": change("systems", 0, to="A"),
    "system 2: the field `system` is missing": change("systems", 1, "system"),
    "system 'A': it is there twice": change("systems", 1, "system", to="A"),
    "system 'B': the field `summary` is missing": change("systems", 1, "summary"),
    "system 'B': `summary` must be text, not 7": change("systems", 1, "summary", to=7),
    "system 'B': the field `scores` is missing": change("systems", 1, "scores"),
    "system 'B': `scores` must be a JSON object, not [5]": change(
        "systems", 1, "scores", to=[5]
    ),
    "system 'B': `scores` is empty: people have scored nothing": change(
        "systems", 1, "scores", to={}
    ),
    "system 'B': the field `focus` is missing (there are: fluency)": change(
        "systems", 1, "scores", "focus"
    ),
    "the score `focus` must be a finite number, not 'high'": change(
        "systems", 1, "scores", "focus", to="high"
    ),
    "the score `focus` must be a finite number, not True": change(
        "systems", 1, "scores", "focus", to=True
    ),
    "the score `focus` must be a finite number, not nan": change(
        "systems", 1, "scores", "focus", to=float("nan")
    ),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_lines_are_named_or_left_out(tmp_path, reason):
    path = write(tmp_path, [article("a"), BAD[reason](), article("c")])
    with pytest.raises(DataError) as error:
        read_judged(path)
    assert f"{path}:2: " in str(error.value) and reason in str(error.value)
    with pytest.warns(UserWarning, match=r"left out 1 bad row among the first 3 rows"):
        rows = read_judged(path, bad_rows="skip")
    assert [judged.row.id for judged in rows] == ["a", "c"]


def test_broken_files_are_named(tmp_path):
    path = tmp_path / "broken.jsonl"
    path.write_text(json.dumps(article()) + '\n{"id": \n')
    with pytest.raises(DataError, match=r"broken\.jsonl:2: broken JSON"):
        read_judged(path)
    path = write(tmp_path, [article()], "torn.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"torn\.jsonl\.gz"):
        read_judged(path)


def test_something_must_be_left(tmp_path):
    path = write(tmp_path, [BAD["`systems` is empty"]()])
    with pytest.raises(DataError, match="at least one usable row"):
        read_judged(path, bad_rows="skip")
    with pytest.raises(DataError, match="which does not"):
        read_judged(tmp_path / "absent.jsonl")
    with pytest.raises(ConfigError, match="limit=-1"):
        read_judged(path, limit=-1)
    with pytest.raises(ConfigError, match="references=-1"):
        read_judged(path, references=-1)


def test_dimensions_are_chosen_by_name(tmp_path):
    rows = read_judged(write(tmp_path, [article()]))
    assert chosen_dimensions(rows) == ("fluency", "focus")
    assert chosen_dimensions(rows, ["focus", "focus"]) == ("focus",)
    with pytest.raises(ConfigError, match="fluency, focus. Received: 'fokus'"):
        chosen_dimensions(rows, ["fokus"])
