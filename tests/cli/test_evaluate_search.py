import json

import pytest

from nutgraf.cli.main import main
from tests.recipes.test_search import write_toy


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("search"))


def test_all_modes_and_a_ranker_in_one_table(toy, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    bert, out = toy.index.replace("index", "bert"), tmp_path / "runs.jsonl"
    argv = [toy.queries, toy.qrels, "--index", toy.index]
    assert main(["evaluate-search", *argv, "--rerank", bert, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for name in ("bm25", "dense", "hybrid", "hybrid + ranker", "nDCG@10", "to bm25"):
        assert name in printed
    assert "n = 12 queries" in printed
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 4 * 12 and {"search", "query_id", "ranking"} == set(rows[0])


def test_some_modes(toy, capsys):
    argv = [toy.queries, toy.qrels, "--index", toy.index, "--modes", "bm25"]
    assert main(["evaluate-search", *argv]) == 0
    printed = capsys.readouterr().out
    assert "bm25" in printed and "hybrid" not in printed


def test_unjudged_queries_are_told(toy, tmp_path, capsys):
    more = tmp_path / "queries.jsonl"
    with open(toy.queries) as queries:
        more.write_text(queries.read() + '\n{"id": "new", "text": "a"}')
    argv = [str(more), toy.qrels, "--index", toy.index, "--modes", "bm25"]
    assert main(["evaluate-search", *argv]) == 0
    assert "1 queries without judgements do not count" in capsys.readouterr().out


def test_judged_documents_that_are_not_in_the_index_are_told(toy, tmp_path, capsys):
    more = tmp_path / "qrels.jsonl"
    lines = [json.loads(line) for line in open(toy.qrels)]
    relevant = {line["doc_id"] for line in lines if line["relevance"] > 0}
    query = lines[0]["query_id"]
    for name, grade in (("gone", 1), ("lost", 2), ("lost", 1), ("idle", 0)):
        lines.append({"query_id": query, "doc_id": name, "relevance": grade})
    lines.append({"query_id": "unasked", "doc_id": "other", "relevance": 1})
    more.write_text("\n".join(map(json.dumps, lines)))
    argv = ["evaluate-search", toy.queries, "--index", toy.index, "--modes", "bm25"]
    assert main([*argv, "--qrels", str(more)]) == 0
    told = (
        f"2 of {len(relevant) + 2} relevant documents are not in the index and count "
        "as not found, such as 'gone'; the index has ids like 'wing-0'"
    )
    assert told in capsys.readouterr().out.splitlines()
    assert main([*argv, "--qrels", toy.qrels]) == 0
    assert "not in the index" not in capsys.readouterr().out


def test_cut_queries_are_told(toy, tmp_path, capsys):
    more = tmp_path / "queries.jsonl"
    with open(toy.queries) as queries:
        more.write_text(queries.read().replace(" wing", " wing" * 40))
    argv = [str(more), toy.qrels, "--index", toy.index]
    line = "queries were cut: the model reads the first 32 tokens"
    assert main(["evaluate-search", *argv]) == 0
    assert capsys.readouterr().out.startswith(f"3 {line}")
    assert main(["evaluate-search", *argv, "--modes", "bm25"]) == 0
    assert line not in capsys.readouterr().out


def test_mistakes_are_told_without_a_traceback(toy, tmp_path, capsys):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "bad.jsonl").write_text('{"id": "1"}')
    index = ["--index", toy.index]
    for argv, message in (
        ([str(tmp_path / "empty.jsonl"), toy.qrels, *index], "at least one query"),
        ([str(tmp_path / "bad.jsonl"), toy.qrels, *index], "`text` is missing"),
        ([toy.queries, toy.queries, *index], "`query_id` is missing"),
        ([toy.queries, *index], "`qrels` is needed"),
        ([toy.queries, toy.qrels, *index, "--modes", "bm25", "bm25"], "each way once"),
        ([toy.queries, toy.qrels, "--index", str(tmp_path)], "no manifest.json"),
    ):
        assert main(["evaluate-search", *argv]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error, error
        assert "Received: " in error and "Traceback" not in error
