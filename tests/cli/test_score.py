import json

import pytest

from nutgraf.cli import score
from nutgraf.cli.main import main
from nutgraf.models.checkpoint import save_policy
from nutgraf.testing.toys import toy_policy


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "language"
    policy = toy_policy(tokenizer, architecture="decoder-only", separator=False)
    save_policy(folder, policy)
    return str(folder)


def test_the_table_shows_every_token_and_the_whole(model, capsys):
    assert score.run(["the red house", "--model", model, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "nats" in lines[0] and '" red"' in "\n".join(lines)
    assert lines[-1].count("bits per byte") == 1 and "13 bytes" in lines[-1]
    assert lines[-2].strip().startswith('"<eos>"')


def test_json_is_a_line_for_each_token_and_one_for_the_whole(model, capsys, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the red house\n")
    assert score.run([str(path), "--model", model, "--json", "--end", "false"]) == 0
    *tokens, whole = map(json.loads, capsys.readouterr().out.splitlines())
    assert "".join(token["token"] for token in tokens) == "the red house"
    assert len(tokens) == whole["tokens"] and len(tokens[0]["likeliest"]) == 5
    assert whole["nats"] == pytest.approx(sum(token["nats"] for token in tokens))
    assert set(whole) == {"tokens", "bytes", "nats", "perplexity", "bits_per_byte"}


def test_chinese_is_scored_byte_by_byte(model, capsys):
    assert score.run(["今天下大雨", "--model", model, "--json"]) == 0
    *tokens, whole = map(json.loads, capsys.readouterr().out.splitlines())
    assert whole["bytes"] == 15 and whole["tokens"] == len(tokens) == 16  # and the end
    assert score.run(["今天下大雨", "--model", model]) == 0
    assert "15 bytes" in capsys.readouterr().out


def test_with_a_source_any_model_scores(capsys):
    text, source = "Return the number.", "Return the number of rows. " * 80
    assert score.run([text, "--source", source, "--model", "starter"]) == 0
    found = capsys.readouterr()
    assert "perplexity" in found.out and "were not read" in found.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["It rains."], "`model` is needed"),
        (["absent.txt", "--model", "starter"], "which is no file that is there"),
        (["It rains.", "--model", "starter"], "Give what the text was written from"),
        (["It rains.", "--model", "absent"], "A model is a folder"),
        (["-", "--source", "-", "--model", "starter"], "Only one of text and source"),
        (["a", "--model", "starter", "--top", "0"], "top must be an integer >= 1"),
    ],
)
def test_mistakes_are_told(capsys, arguments, message):
    assert main(["score", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
