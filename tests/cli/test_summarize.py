import gzip
import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nutgraf.cli import summarize, texts
from nutgraf.cli.main import main
from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.evaluation.generate import Generator
from nutgraf.models.checkpoint import save_policy
from nutgraf.testing.toys import toy_policy, toy_rows

TEXTS = [row.document for row in toy_rows(6)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_policy(folder, toy_policy())
    return str(folder)


@pytest.fixture
def quick(monkeypatch):
    """In place of a model: the first two words, on two lines; 48 words are read."""

    class Quick:
        longest = 48

        def __init__(self, policy, *settings):
            self.cut = self.unread = 0

        def __call__(self, rows):
            words = [row.document.split() for row in rows]
            over = [len(text) - self.longest for text in words]
            self.cut += sum(count > 0 for count in over)
            self.unread += sum(count for count in over if count > 0)
            return ["\n".join(text[:2]) for text in words]

    monkeypatch.setattr("nutgraf.recipes.write.Writer", Quick)


@pytest.fixture
def stdin(monkeypatch):
    """Put bytes on standard input."""

    def put(content):
        stream = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stream)

    return put


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_standard_input_gives_one_summary(model, stdin, capsys):
    stdin(TEXTS[0].encode())
    assert summarize.run(["--model", model, "--beams", "1", "--length", "8"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.out.strip()
    assert printed.err == ""


def test_several_files_give_their_names(quick, model, tmp_path, capsys):
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path, text in zip(paths, ("one two three", "four\nfive\nsix"), strict=True):
        path.write_text(text)
    assert summarize.run([*map(str, paths), "--model", model]) == 0
    assert capsys.readouterr().out == f"{paths[0]}: one two\n{paths[1]}: four five\n"
    summarize.run([str(paths[1]), "--model", model])
    assert capsys.readouterr().out == "four five\n"


def test_rows_keep_their_fields_and_their_order(
    quick, model, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(texts, "_CHUNK", 2)  # the last chunk is not full
    rows = [{"n": n, "body": text, "é": "ü"} for n, text in enumerate(TEXTS[:5])]
    rows[1]["broken"] = "\ud800"  # half of a character: cannot be written as UTF-8
    path = write_rows(tmp_path / "rows.jsonl", rows)
    fields = ["--source_field", "body", "--target_field", "short"]
    assert summarize.run([path, *fields, "--model", model]) == 0
    printed = capsys.readouterr().out
    short = ["\n".join(row["body"].split()[:2]) for row in rows]
    assert [json.loads(line) for line in printed.splitlines()] == [
        {**row, "short": text} for row, text in zip(rows, short, strict=True)
    ]
    assert '"é": "ü"' in printed


def test_jsonl_on_standard_input_and_gzipped(quick, model, stdin, tmp_path, capsys):
    content = b'{"document": "one two three"}\n\n{"document": "four"}'
    expected = [
        {"document": "one two three", "summary": "one\ntwo"},
        {"document": "four", "summary": "four"},
    ]
    stdin(b"\xef\xbb\xbf" + content)
    summarize.run(["-", "--jsonl", "--model", model])
    piped = capsys.readouterr().out
    assert [json.loads(line) for line in piped.splitlines()] == expected
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(content))
    summarize.run([str(path), "--model", model])
    assert capsys.readouterr().out == piped


def test_bad_rows_stop_or_are_left_out(quick, model, tmp_path, capsys):
    rows = [{"document": TEXTS[0]}, {"document": ""}, {"document": TEXTS[1]}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DataError, match=r"rows\.jsonl:2: `document` is empty"):
        summarize.run([path, "--model", model])
    assert capsys.readouterr().out == ""
    summarize.run([path, "--bad_rows", "skip", "--model", model])
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "left out 1 bad row among the first 3 rows" in printed.err


def test_what_is_cut_is_told(quick, model, stdin, capsys):
    stdin(" ".join(TEXTS).encode())
    summarize.run(["--model", model])
    assert capsys.readouterr().err == (
        "1 of 1 texts were cut: the model reads the first 48 word pieces; 72 were left "
        "unread.\n"
    )


def test_mistakes_in_the_input_are_told_before_a_model_is_loaded(
    stdin, tmp_path, monkeypatch
):
    def fail():
        raise AssertionError("the backend was loaded")

    monkeypatch.setattr(texts, "load_backend", fail)
    stdin(b" \n")
    with pytest.raises(DataError, match="must hold at least one word.*empty"):
        summarize.run([])
    with pytest.raises(DataError, match="at least one usable row"):
        summarize.run(["-", "--jsonl"])
    with pytest.raises(DataError, match=r"must exist. Received: .*rows\.jsonl"):
        summarize.run([str(tmp_path / "rows.jsonl")])
    with pytest.raises(ConfigError, match="all jsonl or all plain texts"):
        summarize.run(["a.txt", "b.jsonl"])
    path = write_rows(tmp_path / "a.jsonl", [{"document": "text", "summary": "old"}])
    with pytest.raises(DataError, match=r"`summary`, which is in .*a\.jsonl:1"):
        summarize.run([path])


def test_a_wrong_model_is_told(stdin, tmp_path):
    stdin(b"text")
    with pytest.raises(ModelError, match="is no folder"):
        summarize.run(["--model", str(tmp_path / "none")])


def test_a_terminal_is_told_what_is_waited_for(stdin, capsys):
    stdin(b"")
    sys.stdin.isatty = lambda: True
    assert main(["summarize"]) == 2
    assert "reading standard input; Ctrl-D ends it" in capsys.readouterr().err


def test_help_loads_no_framework():
    code = (
        "import sys; from nutgraf.cli.main import main; main(['summarize', '--help']);"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--no_repeat_ngram" in done.stdout
    assert "Python docstrings alone" in " ".join(done.stdout.replace("│", "").split())


def test_the_starter_says_what_it_has_read(quick, model, stdin, capsys):
    stdin(b"one two three")
    assert summarize.run([]) == 0
    printed = capsys.readouterr()
    assert printed.out == "one two\n"
    assert printed.err == (
        'The model "starter" has read Python docstrings alone: other texts come out '
        "badly. `nutgraf train` makes a model for them.\n"
    )
    stdin(b"one two three")
    summarize.run(["--model", model])
    assert capsys.readouterr().err == ""


def test_windows_whose_summaries_do_not_get_shorter_are_told(
    monkeypatch, model, stdin, capsys
):
    monkeypatch.setattr(
        Generator, "__call__", lambda self, rows: [" ".join(TEXTS)] * len(rows)
    )
    stdin(". ".join(TEXTS).encode())
    assert summarize.run(["--model", model, "--long", "windows"]) == 0
    error = capsys.readouterr().err
    assert "1 of 1 texts were cut: the model reads the first" in error


def test_windows_leave_nothing_unread(model, stdin, capsys):
    stdin(". ".join(TEXTS).encode())
    argv = ["--model", model, "--beams", "1", "--length", "4", "--long", "windows"]
    assert summarize.run(argv) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1 and printed.err == ""
