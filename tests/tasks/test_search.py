import gzip
import json

import pytest

from nutgraf.errors import DataError
from nutgraf.tasks.search import (
    METRICS,
    Document,
    read_documents,
    read_judgements,
    read_queries,
)


def lines(path, *records):
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def test_documents_queries_judgements(tmp_path):
    rows = (
        {"id": 1, "text": "升力", "title": "翼"},
        {"id": "b", "text": "", "title": None},
    )
    found = list(read_documents(lines(tmp_path / "d", *rows)))
    assert found == [Document("1", "升力", "翼"), Document("b", "", "")]
    assert found[0].content == "翼\n升力" and found[1].content == ""
    packed = tmp_path / "q.gz"
    packed.write_bytes(gzip.compress(json.dumps({"id": 5, "text": "a?"}).encode()))
    assert [tuple(query) for query in read_queries(packed)] == [("5", "a?")]
    judged = [
        {"query_id": 5, "doc_id": "b", "relevance": grade} for grade in (1, 3.0, 0)
    ]
    assert read_judgements(lines(tmp_path / "j", *judged)) == {"5": {"b": 3.0}}


@pytest.mark.parametrize(
    ("read", "record", "message"),
    [
        (read_documents, {"text": "a"}, "the field `id` is missing"),
        (read_documents, {"id": "a", "txt": "b"}, "did you mean `txt`"),
        (read_documents, {"id": [], "text": "b"}, "`id` must be text or a whole"),
        (read_documents, {"id": "a", "text": 3}, "`text` must be text, not int"),
        (read_queries, {"id": "a", "text": " "}, "`text` is empty"),
        (read_judgements, {"query_id": 1, "doc_id": 2}, "`relevance` is missing"),
        (
            read_judgements,
            {"query_id": 1, "doc_id": 2, "relevance": "yes"},
            "`relevance` must be a number",
        ),
    ],
)
def test_bad_rows_are_named(read, record, message, tmp_path):
    path = lines(tmp_path / "rows.jsonl", record)
    with pytest.raises(DataError, match="rows.jsonl:1: ") as caught:
        list(read(path))
    assert message in str(caught.value)


def test_ids_are_there_once(tmp_path):
    twice = lines(tmp_path / "a", {"id": "1", "text": "a"}, {"id": 1, "text": "b"})
    for read in (read_documents, read_queries):
        with pytest.raises(DataError, match=":2: `id` '1' is there twice"):
            list(read(twice))


def test_empty_missing_and_torn_files_are_told(tmp_path):
    empty = lines(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="at least one query"):
        read_queries(empty)
    with pytest.raises(DataError, match="at least one judgement"):
        read_judgements(empty)
    with pytest.raises(DataError, match="must exist. Received: "):
        read_queries(tmp_path / "absent.jsonl")
    torn = tmp_path / "torn.jsonl.gz"
    many = "\n".join(json.dumps({"id": n, "text": "a"}) for n in range(99))
    torn.write_bytes(gzip.compress(many.encode())[:-9])
    with pytest.raises(DataError, match="must be readable"):
        read_queries(torn)


def test_the_first_metric_decides():
    rankings, judged = [["a", "b"], ["b"]], [{"b": 1.0}, {"a": 1.0}]
    assert next(iter(METRICS)) == "nDCG@10"
    found = [round(float(m(rankings, judged)[0])) for m in METRICS.values()]
    assert found == [63, 50, 100, 100]
