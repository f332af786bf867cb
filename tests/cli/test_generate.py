import io
import json
import sys

import pytest

from nutgraf.cli import generate
from nutgraf.cli.main import main
from nutgraf.models.checkpoint import save_policy
from nutgraf.testing.toys import toy_policy


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "language"
    policy = toy_policy(tokenizer, architecture="decoder-only", separator=False)
    save_policy(folder, policy)
    return str(folder)


def test_the_prompt_and_what_follows_are_printed(model, capsys):
    drawn = ["--top_p", "0.9", "--length", "5", "--seed", "3"]
    assert generate.run(["the red", "--model", model, *drawn]) == 0
    found = capsys.readouterr().out
    assert found.startswith("the red") and len(found) > len("the red\n")
    assert generate.run(["the red", "--model", model, *drawn]) == 0
    assert capsys.readouterr().out == found


def test_several_samples_from_standard_input_as_json(model, capsys, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b"the red\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    more = ["--samples", "3", "--length", "4", "--json"]
    assert generate.run(["-", "--model", model, *more]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == 3 and {each["prompt"] for each in found} == {"the red"}
    assert all(each["nats"] > 0 for each in found)


def test_a_chinese_prompt_goes_on(model, capsys):
    few = ["--model", model, "--length", "4", "--json"]
    assert generate.run(["今天下大雨", *few]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "今天下大雨"


def test_temperature_zero_is_the_likeliest_whatever_the_seed(model, capsys):
    texts = set()
    for seed in ("1", "2"):
        cold = ["--temperature", "0", "--length", "4", "--seed", seed]
        assert generate.run(["the red", "--model", model, *cold]) == 0
        texts.add(capsys.readouterr().out)
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--model", "starter"], "takes a language model"),
        (["a", "--model", "absent"], "A model is a folder"),
        (
            ["a", "--model", "starter", "--top_p", "0"],
            "top_p must be a number in (0, 1",
        ),
        (["a"], "`model` is needed"),
    ],
)
def test_mistakes_are_told(capsys, arguments, message):
    assert main(["generate", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error


def test_a_continuation_longer_than_the_context_is_told(model, capsys):
    assert main(["generate", "a", "--model", model, "--length", "60"]) == 2
    assert "length must be below 60" in capsys.readouterr().err
