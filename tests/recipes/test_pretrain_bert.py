"""A BERT from plain text through the command, and what it is the start of."""

import dataclasses
import json

import numpy as np
import pytest

from nutgraf.cli.main import main
from nutgraf.data.documents import DocumentSettings
from nutgraf.errors import ModelError
from nutgraf.models.bert_folder import check_bert, load_bert
from nutgraf.models.embedding import load_embedder
from nutgraf.recipes.pretrain import pretrain
from nutgraf.recipes.pretrain_settings import LanguageModelSettings, PretrainSettings
from nutgraf.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    random = np.random.default_rng(0)
    words = ["red house", "old data", "猫 坐 着"]
    texts = [" ".join(words[n] for n in random.integers(0, 3, 4)) for _ in range(60)]
    lines = (json.dumps({"id": f"{n}", "text": t}) for n, t in enumerate(texts))
    (folder / "all.jsonl").write_text("\n".join(lines))
    return PretrainSettings(
        out=str(folder / "run"),
        data=DocumentSettings("files", train=(str(folder / "all.jsonl"),)),
        model=LanguageModelSettings(
            architecture="bert",
            size="tiny",
            vocabulary_size=80,
            width=16,
            heads=2,
            feed_forward=24,
            encoder_layers=1,
            max_length=24,
        ),
        training=TrainingSettings(epochs=3, warmup=2),
        tokens_per_batch=256,
    )


@pytest.fixture(scope="module")
def run(settings):
    """Lines of report and position of the run; it is stopped once and goes on."""
    lines = []
    stopped = pretrain(dataclasses.replace(settings, max_minutes=1e-9), lines.append)
    assert (stopped["step"], stopped["finished"]) == (1, False)
    return lines, pretrain(settings, lines.append)


def test_a_run_leaves_a_bert(settings, run):
    lines, position = run
    assert position["finished"] and position["best"]["loss"] > 0
    assert "accuracy" in lines[-1]
    for name in ("best", "last"):
        assert check_bert(load_bert(f"{settings.out}/{name}").path) == []
    config = load_bert(f"{settings.out}/best").model.config
    assert (config.width, config.max_length, config.dropout) == (16, 24, 0.1)
    assert load_embedder(f"{settings.out}/best")(["猫 red"]).shape == (1, 16)
    card = json.loads(
        (load_bert(f"{settings.out}/best").path.parent / "run.json").read_text()
    )
    assert card["model"]["layers"] == 1


def test_it_is_the_start_of_another_run(settings, run, tmp_path):
    first = load_bert(f"{settings.out}/best")
    other = dataclasses.replace(
        settings,
        out=str(tmp_path),
        model=LanguageModelSettings(
            architecture="bert", start=f"{settings.out}/best", max_length=12
        ),
        training=TrainingSettings(epochs=1, warmup=2),
    )
    assert pretrain(other)["finished"]
    again = load_bert(tmp_path / "best")
    assert again.model.config == first.model.config
    assert again.tokenizer.fingerprint == first.tokenizer.fingerprint


def test_a_start_that_is_no_bert_is_told(settings, tmp_path):
    model = LanguageModelSettings(architecture="bert", start="starter")
    with pytest.raises(ModelError, match="A BERT is a folder with"):
        pretrain(dataclasses.replace(settings, out=str(tmp_path), model=model))


def test_the_command_says_what_it_cannot_read(settings, tmp_path, capsys):
    argv = ["pretrain", "--model.architecture", "bert", "--model.max_source", "9"]
    assert main([*argv, "--out", str(tmp_path)]) == 2
    assert "bert reads no such setting" in capsys.readouterr().err
