"""Texts on the disk: read again, matched with their rows, compared."""

import gzip
import json

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import DataError
from nutgraf.evaluation.texts import (
    in_order,
    read_predictions,
    read_texts,
    same_rows,
    task_in,
    words_of,
)

ROWS = [Row("a", "A b c.", ("a b",)), Row("b", "B c d.", ("b c", "d"))]


def write(path, records):
    text = "".join(json.dumps(record) + "\n" for record in records)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


def records(texts, rows=ROWS):
    return [
        {**row._asdict(), "text": text} for row, text in zip(rows, texts, strict=True)
    ]


def test_texts_are_read_from_a_folder_a_file_and_a_gzipped_one(tmp_path):
    wanted = [row._replace(origin="") for row in ROWS]
    write(tmp_path / "texts.jsonl", records(["x", ""]))
    packed = write(tmp_path / "other.jsonl.gz", records(["x", ""]))
    for path in (tmp_path, tmp_path / "texts.jsonl", packed):
        rows, texts = read_texts(path)
        assert [row._replace(origin="") for row in rows] == wanted
        assert texts == ["x", ""]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a"', r"t\.jsonl:2: broken JSON: Expecting"),
        ("[1]", r"t\.jsonl:2: must be a JSON object"),
        ('{"text": "x", "id": "a"}', r"t\.jsonl:2: the field `document` is missing"),
        ('{"id": 3}', r"t\.jsonl:2: `id` is not of the type str"),
    ],
)
def test_a_line_of_another_form_is_named(line, message, tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("\n" + line + "\n")
    with pytest.raises(DataError, match=message):
        read_texts(path)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.jsonl: No such file"):
        read_texts(tmp_path / "absent.jsonl")
    with pytest.raises(DataError, match=r"texts\.jsonl: No such file"):
        read_texts(tmp_path)
    (tmp_path / "no.gz").write_text("plain")
    with pytest.raises(DataError, match=r"no\.gz: Not a gzipped file"):
        read_predictions(tmp_path / "no.gz")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="at least one text"):
        read_texts(tmp_path / "empty.jsonl")


def test_predictions_go_by_id_else_by_order(tmp_path):
    path = write(tmp_path / "p.jsonl", [{"text": "one"}, {"text": ""}])
    assert in_order(read_predictions(path), ROWS, "p") == ["one", ""]
    turned = [{"text": "two", "id": "b"}, {"text": "one", "id": "a"}]
    assert in_order(turned, ROWS, "p") == ["one", "two"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([{"text": ""}], "p with 1 lines for 2 rows"),
        ([{"text": "", "id": "a"}, {"text": "", "id": "a"}], r"\(a\) a second time"),
        ([{"text": "", "id": "a"}, {"text": ""}], "id of text 2 .* missing"),
        ([{"text": "", "id": "a"}, {"text": "", "id": "c"}], "1 rows, first 'b'"),
    ],
)
def test_predictions_of_other_rows_are_refused(found, message):
    with pytest.raises(DataError, match=message):
        in_order(found, ROWS, "p")


def test_words_are_those_of_the_references():
    assert words_of(ROWS) == "english"
    assert words_of([Row("1", "english", ("今天",))]) == "cjk"


def test_two_systems_are_scored_on_their_common_rows(tmp_path):
    one = write(tmp_path / "one.jsonl", records(["a b", "z"]))
    two = write(tmp_path / "two.jsonl", records(["z", "d"]))
    first, second = same_rows(one, two)
    assert first.values("rouge1").tolist() == [100, 0]
    assert second.values("rouge1").tolist() == [0, 100]
    assert (first.name, second.ids) == (str(one), ("a", "b"))


def test_rows_in_another_order_are_matched_by_id(tmp_path):
    one = write(tmp_path / "one.jsonl", records(["a b", "z"]))
    two = write(tmp_path / "two.jsonl", records(["d", "z"], ROWS[::-1]))
    first, second = same_rows(one, two)
    assert first.ids == second.ids == ("a", "b")
    assert second.values("rouge1").tolist() == [0, 100]


def test_systems_with_other_rows_are_refused(tmp_path):
    one = write(tmp_path / "one.jsonl", records(["x", "y"]))
    fewer = write(tmp_path / "two.jsonl", records(["x"], ROWS[:1]))
    with pytest.raises(DataError, match=r"1 rows are in one .* only, first \['b'\]"):
        same_rows(one, fewer)
    twice = write(tmp_path / "two.jsonl", records(["x", "y", "z"], [*ROWS, ROWS[0]]))
    with pytest.raises(DataError, match="with 2 and .* with 3; an id occurs twice"):
        same_rows(one, twice)
    rows = [ROWS[0], ROWS[1]._replace(references=("b c",))]
    other = write(tmp_path / "two.jsonl", records(["x", "y"], rows))
    with pytest.raises(DataError, match="others for the row 'b'"):
        same_rows(one, other)


def evaluation(folder, task, texts):
    """A folder as an evaluation leaves it."""
    folder.mkdir()
    write(folder / "texts.jsonl", records(texts))
    if task:
        settings = json.dumps({"settings": {"task": task}})
        (folder / "evaluation.json").write_text(settings)
    return folder


def test_the_task_is_read_from_the_folder(tmp_path):
    one, two = (evaluation(tmp_path / name, "answer", ["a b", "z"]) for name in "ab")
    assert task_in(one).name == task_in(one / "texts.jsonl").name == "answer"
    first, _ = same_rows(one, two)
    assert first.main == "token_f1" and first.means()["exact_match"] == 50
    old = evaluation(tmp_path / "old", "", ["a b", "z"])
    assert task_in(old).name == task_in(tmp_path / "nowhere").name == "summarize"
    with pytest.raises(DataError, match="same task. Received: answer in .*summarize"):
        same_rows(one, old)
    (old / "evaluation.json").write_text('{"settings": {"task": "chat"}}')
    assert task_in(old).name == "summarize"
