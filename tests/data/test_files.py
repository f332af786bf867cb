import gzip
import io
import json
import warnings
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import (
    Fields,
    field_names,
    kind_of,
    read_records,
    read_rows,
)
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError

RECORDS = [
    {"id": "first", "body": "It rained, all day.", "title": "Rain"},
    {"id": "second", "body": 'Sun "again"\nand wind 猫', "title": "Sun"},
]


def write(folder, kind, records=RECORDS):
    path = folder / f"news.{kind}"
    if kind == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(records), path)
        return path
    plain = kind.removesuffix(".gz")
    if plain == "jsonl":
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
    else:
        tab = "\t" if plain == "tsv" else ","
        quoted = [
            [f'"{v.replace(chr(34), chr(34) * 2)}"' for v in r.values()]
            for r in records
        ]
        lines = [tab.join(records[0]), *(tab.join(cells) for cells in quoted)]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    return path


KINDS = ["jsonl", "csv", "tsv", "parquet", "jsonl.gz", "csv.gz", "tsv.gz"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_formats_give_the_same_rows(tmp_path, kind):
    path = write(tmp_path, kind)
    rows = list(read_rows(path, "body", "title"))
    assert [row[:3] for row in rows] == [
        (r["id"], r["body"], (r["title"],)) for r in RECORDS
    ]
    first = 2 if kind[:3] in ("csv", "tsv") else 1
    assert [row.origin for row in rows] == [f"{path}:{first}", f"{path}:{first + 1}"]
    assert field_names(path) == ["id", "body", "title"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_field_is_named_with_the_nearest(tmp_path, kind):
    path = write(tmp_path, kind)
    with pytest.raises(DataError, match=r"news.*`titlex` is missing.*mean `title`\?"):
        list(read_rows(path, "body", "titlex"))
    with pytest.raises(DataError, match="`bodyx` is missing"):
        list(read_rows(path, "bodyx", "title", bad_rows="skip"))


def lines(*content, **settings):
    stream = io.BytesIO(b"\n".join(content))
    return list(read_rows("x.jsonl", kind="jsonl", stream=stream, **settings))


GOOD = b'{"document": "a b", "summary": "c"}'
BAD = {
    b'{"document": "a", "summary": "c"': "broken JSON",
    b'{"document": "\xff", "summary": "c"}': "invalid UTF-8 at byte 15",
    b'["a", "b"]': "must be a JSON object, not list",
    b'{"document": "a"}': "the field `summary` is missing",
    b'{"document": "  ", "summary": "c"}': "`document` is empty",
    b'{"document": "a", "summary": ""}': "`summary` is empty",
    b'{"document": "a", "summary": []}': "`summary` is empty",
    b'{"document": "a", "summary": ["b", " "]}': "`summary` is empty",
    b'{"document": 7, "summary": "c"}': "`document` must be text, not int",
    b'{"document": "a", "summary": null}': "`summary` must be text, not null",
    b'{"document": "a", "summary": {"b": 1}}': "`summary` must be text, not dict",
    b'{"document": "\\ud800", "summary": "c"}': "`document` is not valid Unicode",
    b"[" * 100_000: "broken JSON",
    b"9" * 5000: "broken JSON",
}


@pytest.mark.parametrize("content", BAD, ids=list(BAD.values()))
def test_a_bad_row_is_named_by_file_line_and_reason(content):
    with pytest.raises(DataError) as error:
        lines(GOOD, b"", content, GOOD)
    assert f"x.jsonl:3: {BAD[content]}" in str(error.value)
    assert "1 bad row among the first 3 rows" in str(error.value)
    log = BadRowLog("skip")
    rows = lines(GOOD, b"", content, GOOD, log=log)
    assert [row.id for row in rows] == ["x.jsonl:1", "x.jsonl:4"]
    assert (log.count, log.good, log.shown[0].line) == (1, 2, 3)


def test_the_first_ten_bad_rows_are_shown_at_once():
    with pytest.raises(DataError) as error:
        lines(GOOD, *[b"{"] * 25)
    assert "10 bad rows among the first 11 rows" in str(error.value)
    assert "x.jsonl:11: broken JSON" in str(error.value)
    assert "x.jsonl:12" not in str(error.value)


def test_nothing_is_yielded_after_a_bad_row_that_must_not_be_skipped():
    stream = io.BytesIO(b"\n".join([GOOD, b"{", GOOD]))
    rows = read_rows("x", kind="jsonl", stream=stream)
    assert next(rows).id == "x:1"
    with pytest.raises(DataError, match="among the first 3 rows"):
        next(rows)


def test_skipped_rows_are_reported_in_a_warning():
    with pytest.warns(UserWarning, match=r"left out 1 bad row among the first 2 rows"):
        assert len(lines(GOOD, b"{", bad_rows="skip")) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(lines(GOOD, bad_rows="skip")) == 1


def test_a_file_without_usable_rows_is_an_error():
    with pytest.raises(DataError, match="Received: x.jsonl with none"):
        lines(b"")
    with pytest.raises(DataError, match=r"none, only 1 bad row.*\n  x.jsonl:1: broken"):
        lines(b"{", bad_rows="skip")


def test_several_references_numbers_as_ids_and_documents_alone():
    record = b'{"id": 7, "document": "a", "summary": ["b", "c"]}'
    assert lines(record) == [Row("7", "a", ("b", "c"), "x.jsonl:1")]
    assert lines(record, target_field=None)[0].references == ()


def test_a_byte_order_mark_is_no_text():
    assert len(lines(b"\xef\xbb\xbf" + GOOD)) == 1


@given(st.text().filter(str.strip), st.text().filter(str.strip))
def test_any_text_comes_back_as_it_was(document, summary):
    record = json.dumps({"document": document, "summary": summary})
    (row,) = lines(record.encode())
    assert (row.document, row.references) == (document, (summary,))


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_a_cut_off_gzip_file_is_named(tmp_path, keep):
    path = write(tmp_path, "jsonl.gz", RECORDS * 500)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(DataError, match=r"readable to its end\. Received: .*news"):
        list(read_rows(path, "body", "title"))


def test_what_is_no_gzip_is_named(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(GOOD)
    with pytest.raises(DataError, match=r"readable to its end\. Received: .*a\.jsonl"):
        list(read_rows(path))


def test_paths_are_checked_before_anything_is_read(tmp_path):
    path = write(tmp_path, "jsonl")
    with pytest.raises(DataError, match=r"Did you mean .*news\.jsonl\?"):
        read_rows(tmp_path / "new.jsonl")
    for other in ("q.jsonl", "there.jsonl"):  # alike by their ends alone
        with pytest.raises(DataError, match="Check the path"):
            read_rows(tmp_path / other)
    with pytest.raises(DataError, match="Check the path"):
        read_rows("/nowhere/at/all.jsonl")
    with pytest.raises(DataError, match="a folder"):
        read_rows(tmp_path)
    with pytest.raises(ConfigError, match='"fail" or "skip"'):
        read_rows(path, bad_rows="drop")
    with pytest.raises(DataError, match="one of jsonl, csv"):
        read_rows(path, kind="xml")
    with pytest.raises(DataError, match="A stream must be"):
        read_rows("-", kind="parquet", stream=io.BytesIO())


@pytest.mark.parametrize("name", ["a.json", "a.txt", "a", "a.gz", "a.parquet.gz"])
def test_unknown_formats_are_refused(name):
    with pytest.raises(DataError, match="must end in"):
        kind_of(Path(name))


def test_the_format_can_be_given(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_bytes(GOOD)
    assert len(list(read_rows(path, kind="jsonl"))) == 1


def test_a_stream_is_left_open_for_its_owner():
    stream = io.BytesIO(b'{"document": "a"}')
    settings = {"target_field": None, "kind": "jsonl", "stream": stream}
    assert len(list(read_rows("-", **settings))) == 1
    assert not stream.closed
    with pytest.raises(DataError, match="at least one usable row"):
        list(read_rows("-", **settings))


def test_records_carry_the_fields_that_make_no_row(tmp_path):
    path = write(tmp_path, "jsonl")
    found = read_records(path, Fields("body"), BadRowLog("fail"))
    assert [record for _, record in found] == RECORDS


ASKED = {"context": "A cat sat.", "question": "Who sat?", "answers": ["A cat", "cat"]}


def asked(**changes):
    """The rows of one record of questions and answers."""
    record = json.dumps({**ASKED, **changes}, ensure_ascii=False)
    fields = {"source_field": "context", "target_field": "answers"}
    return lines(record.encode(), **fields, question_field="question")


@pytest.mark.parametrize(
    "answers",
    [
        ["A cat", "cat"],
        [{"text": "A cat", "answer_start": 0}, {"text": "cat", "answer_start": 2}],
        {"text": ["A cat", "cat"], "answer_start": [0, 2]},
    ],
)
def test_a_question_is_the_first_line_and_answers_come_in_three_forms(answers):
    (row,) = asked(answers=answers)
    assert row.document == "Who sat?\nA cat sat."
    assert row.references == ("A cat", "cat")


def test_one_answer_and_a_question_of_many_lines():
    (row,) = asked(answers={"text": "猫"}, question="谁\n坐着？\n")
    assert (row.document, row.references) == ("谁 坐着？\nA cat sat.", ("猫",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"context": " "}, "`context` is empty"),
        ({"question": ""}, "`question` is empty"),
        ({"answers": []}, "`answers` is empty"),
        ({"answers": {"text": [], "answer_start": []}}, "`answers` is empty"),
        ({"answers": [{"text": ""}]}, "`answers` is empty"),
        ({"answers": [{"answer": "A cat"}]}, "`answers` must be text, not dict"),
        ({"question": None}, "`question` must be text, not null"),
    ],
)
def test_a_row_that_cannot_be_asked_is_named(changes, reason):
    with pytest.raises(DataError, match=f"x.jsonl:1: {reason}"):
        asked(**changes)


def test_a_column_without_questions_is_named(tmp_path):
    path = write(tmp_path, "csv")
    with pytest.raises(DataError, match="question_field must name a column"):
        list(read_rows(path, "body", "title", question_field="question"))


@pytest.mark.parametrize(
    ("answers", "starts"),
    [
        ([{"text": "A cat", "answer_start": 0}, {"text": "cat"}], (0, -1)),
        ({"text": ["A cat", "cat"], "answer_start": [0, 2]}, (0, 2)),
        ({"text": "cat", "answer_start": 2}, (2,)),
        ([{"text": "cat", "answer_start": -1}], ()),
        ([{"text": "cat", "answer_start": "2"}], ()),
        (["cat"], ()),
    ],
)
def test_where_answers_begin_is_read_where_it_is_told(answers, starts):
    assert asked(answers=answers)[0].starts == starts


@pytest.mark.parametrize("answers", [[], {"text": [], "answer_start": []}])
def test_an_empty_list_says_that_there_is_no_answer_where_that_is_meant(answers):
    content = json.dumps({**ASKED, "answers": answers}).encode()
    fields = {"source_field": "context", "target_field": "answers"}
    fields |= {"question_field": "question", "no_answers": True}
    (row,) = lines(content, **fields)
    assert row.references == ("",) and row.starts == ()
    wrong = json.dumps({**ASKED, "answers": [""]}).encode()
    with pytest.raises(DataError, match="`answers` is empty"):
        lines(wrong, **fields)
