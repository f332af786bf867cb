import json
import subprocess
import sys

import pytest

from nutgraf.cli.main import main
from nutgraf.search.index_folder import build_index
from nutgraf.tasks.search import Document
from tests.recipes.test_search import write_toy
from tests.search.toy_search import toy_documents


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("search"))


@pytest.fixture
def words(tmp_path):
    """An index of words only, with a Chinese document."""
    documents = [
        *toy_documents(),
        Document("zh", "翼型的升力与阻力" * 30, "空气动力学"),
    ]
    build_index(tmp_path / "i", documents)
    return ["--index", str(tmp_path / "i")]


def test_the_best_come_first(words, capsys):
    assert main(["search", "buckling of shells", *words, "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and lines[0].startswith(" 1. shell-")
    assert lines[1].startswith("    shell ")
    assert main(["search", "升力", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(" 1. zh ") and lines[1].endswith("…")


def test_json_has_whole_documents(words, capsys):
    assert main(["search", "阻力", *words, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["id"] == "zh" and found["rank"] == 1 and found["score"] > 0
    assert found["text"] == "翼型的升力与阻力" * 30 and "空气" in line


@pytest.mark.parametrize("mode", ["auto", "bm25", "dense", "hybrid"])
def test_each_mode(toy, capsys, mode):
    argv = ["search", "shock wave", "--index", toy.index, "--mode", mode, "--json"]
    assert main(argv) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == (6 if mode == "bm25" else 10)
    if mode == "auto":
        main([*argv[:-2], "hybrid", "--json"])
        again = capsys.readouterr().out.splitlines()
        assert [json.loads(line) for line in again] == found


def test_a_ranker_ranks_again(toy, capsys):
    bert = toy.index.replace("index", "bert")
    argv = ["search", "shock wave", "--index", toy.index, "--mode", "bm25", "--json"]
    assert main(argv) == 0
    before = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert main([*argv, "--rerank", bert, "--depth", "4"]) == 0
    after = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert set(after[:4]) == set(before[:4]) and after[4:] == before[4:]


def test_a_long_query_and_an_unknown_word_give_a_notice(toy, words, capsys):
    assert main(["search", "wing " * 60, "--index", toy.index]) == 0
    error = capsys.readouterr().err
    assert "the query was cut: the model reads the first 32 tokens" in error
    assert main(["search", "zebra", *words]) == 0
    printed = capsys.readouterr()
    assert printed.out == "" and "no document has a word of the query" in printed.err


def test_mistakes_are_told_without_a_traceback(words, tmp_path, capsys):
    for argv, message in (
        (["", *words], "query must hold at least one word"),
        (["  ", *words], "query must hold at least one word"),
        (words, "`query` is needed"),
        (["a", *words, "--mode", "fuzzy"], "--mode must be"),
        (["a", *words, "--mode", "dense"], "for an index without vectors"),
        (["a", *words, "--top", "0"], "top must be"),
        (["a", "--index", str(tmp_path / "absent")], "which does not exist"),
        (["a", "--index", str(tmp_path)], "which has no manifest.json"),
        (["a", *words, "--rerank", str(tmp_path / "absent")], "train-search"),
    ):
        assert main(["search", *argv]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error, error
        assert "Received: " in error and "Traceback" not in error
    torn = next((tmp_path / "i").glob("g-*/documents.jsonl"))
    torn.write_text("{}")
    assert main(["search", "a", *words]) == 2
    assert "differs from what was written" in capsys.readouterr().err


def test_words_are_searched_without_a_framework(words):
    """bm25s itself loads JAX where that is installed."""
    code = (
        "import sys; from nutgraf.cli.main import main;"
        f"main(['search', 'wing', *{words!r}]);"
        "sys.exit(bool({'keras', 'tensorflow', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert " 1. wing-" in done.stdout
