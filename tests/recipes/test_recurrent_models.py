"""Recurrent models through the commands: trained, improved, saved, checked.

The task: say the first four words of the document. What the first word is, only the
attention can tell.
"""

import json

import numpy as np
import pytest
from keras import ops

from nutgraf.cli.main import main
from nutgraf.layers.additive_attention import AdditiveAttention
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.recurrent_policy import RecurrentPolicy
from nutgraf.testing.toys import toy_rows
from nutgraf.training.log import read_metrics

EPOCHS = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    flags = ["--data.source", "files"]
    for split, seed, count in (("train", 0, 400), ("valid", 1, 60), ("test", 2, 60)):
        path = folder / f"{split}.jsonl"
        with path.open("w") as file:
            for row in toy_rows(count, length=6, seed=seed):
                record = {"document": row.document, "summary": row.references[0]}
                file.write(json.dumps({"id": row.id, **record}) + "\n")
        flags += [f"--data.{split}", str(path)]
    return flags


def train(files, out, kind, *more):
    """Losses of the validations."""
    model = ["--model.architecture", kind, "--model.size", "tiny"]
    model += ["--model.width", "32", "--model.vocabulary_size", "330"]
    model += ["--model.max_source", "32", "--model.max_target", "12"]
    training = ["--training.epochs", str(EPOCHS), "--training.learning_rate", "0.01"]
    training += ["--training.warmup", "10", "--training.dropout", "0"]
    training += ["--tokens_per_batch", "700", "--num_shapes", "1", "--sample_rows", "0"]
    command = ["train", *files, *model, *training, "--out", str(out), *more]
    assert main(command) == 0
    return [r["valid/loss"] for r in read_metrics(out) if "valid/loss" in r]


def test_an_lstm_learns_to_copy_and_is_improved(files, tmp_path, capsys):
    out = tmp_path / "run"
    losses = train(files, out, "lstm", "--model.coverage", "true")
    assert losses[0] > 1.5 and losses[-1] < 0.5
    policy = load_policy(out / "best")
    assert isinstance(policy, RecurrentPolicy) and policy.model.config.coverage
    capsys.readouterr()
    assert main(["doctor", str(out / "best")]) == 0
    assert "whole, can be loaded" in capsys.readouterr().out

    better = ["rl", "--start", str(out / "best"), *files, "--rl.updates", "2"]
    better += ["--rl.prompts", "4", "--rl.samples", "4", "--rl.length", "10"]
    assert main([*better, "--out", str(tmp_path / "rl"), "--algorithm", "ppo"]) == 0
    records = [r for r in read_metrics(tmp_path / "rl") if "policy/ratio" in r]
    assert len(records) == 2
    assert records[0]["policy/ratio"] == pytest.approx(1.0, abs=1e-4)
    moved = [
        np.abs(a.numpy() - b.numpy()).max() if hasattr(a, "numpy") else 1.0
        for a, b in zip(
            load_policy(tmp_path / "rl" / "last").variables,
            policy.variables,
            strict=True,
        )
    ]
    assert max(moved) > 0


def blind(self, weights, query, keys, states, visible, coverage=None):
    """A planted bug: the attention looks everywhere alike."""
    del self, weights, keys, coverage
    seen = ops.cast(visible, "float32") + ops.zeros_like(query[..., :1])
    found = seen / ops.sum(seen, axis=-1, keepdims=True)
    return ops.matmul(found, states), found


@pytest.mark.parametrize("kind", ["gru", "rnn"])
def test_others_learn_too_and_not_without_attention(files, tmp_path, kind, monkeypatch):
    few = ["--training.epochs", "10"]
    losses = train(files, tmp_path / "right", kind, *few)
    monkeypatch.setattr(AdditiveAttention, "attend", blind)
    wrong = train(files, tmp_path / "wrong", kind, *few, "--model.copy_head", "false")
    assert losses[-1] < 0.7 < wrong[-1]
