import pytest

from nutgraf.cli.main import main
from tests.recipes.test_search import write_toy


@pytest.fixture
def flags(tmp_path):
    toy = write_toy(tmp_path)
    given = ["--queries", toy.queries, "--qrels", toy.qrels, "--candidates", "8"]
    loop = ["--training.updates", "2", "--training.batch", "4", "--rank", "2"]
    return [toy.index, *given, *loop]


def test_a_ranker_and_rl_on_it(flags, tmp_path, capsys):
    out = str(tmp_path / "a")
    assert main(["train-search", *flags, "--out", out]) == 0
    printed = capsys.readouterr()
    assert "held out; 2 updates of 4" in printed.out
    assert "training 2/2" in printed.err
    best = str(tmp_path / "a" / "best")
    rl = ["--objective", "rl", "--start", best, "--out", str(tmp_path / "b")]
    assert main(["train-search", *flags, *rl]) == 0
    assert f"model in {tmp_path / 'b' / 'best'}" in capsys.readouterr().out
    argv = ["search", "wing", "--index", flags[0], "--rerank", best]
    assert main(argv) == 0


def test_mistakes_are_told_without_a_traceback(flags, tmp_path, capsys):
    for wrong, message in (
        (["--objective", "rl"], "start must name a trained ranker"),
        (["--objective", "dpo"], "--objective"),
        (["--training.batch", "40"], "at least as many rows as a batch takes, 40"),
        (["--start", str(tmp_path / "none")], "none"),
        (["--qrels", str(tmp_path / "none.jsonl")], "must exist"),
    ):
        out = ["--out", str(tmp_path / "run")]
        assert main(["train-search", *flags, *wrong, *out]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error, error
        assert "Received: " in error and "Traceback" not in error
