import dataclasses
import json
import os
from pathlib import Path

import keras
import pytest

from nutgraf.data.augment import Augmenter, AugmentSettings
from nutgraf.data.batches import choose_shapes
from nutgraf.data.cache import build_cache
from nutgraf.data.questions import split_asked
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.evaluation.generate import Generator
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.config import ModelConfig
from nutgraf.recipes.settings import ModelSettings, TrainSettings
from nutgraf.recipes.supervised import estimate, train
from nutgraf.testing.toys import toy_rows
from nutgraf.text.tokenizer import Tokenizer
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings

EPOCHS = 12


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Rows in files, and a model that learns them in seconds."""
    folder = tmp_path_factory.mktemp("recipe")
    files = {}
    for split, seed in (("train", 0), ("valid", 1)):
        files[split] = str(folder / f"{split}.jsonl")
        with open(files[split], "w") as file:
            for row in toy_rows(96, length=6, seed=seed):
                record = {"document": row.document, "summary": row.references[0]}
                file.write(json.dumps({"id": row.id, **record}) + "\n")
    sizes = {"width": 32, "feed_forward": 64, "encoder_layers": 1, "decoder_layers": 1}
    return TrainSettings(
        out=str(folder / "run"),
        data=DataSettings(source="files", **files),
        model=ModelSettings(
            size="tiny", vocabulary_size=330, max_source=32, max_target=12, **sizes
        ),
        training=SupervisedSettings(
            epochs=EPOCHS, learning_rate=1e-2, warmup=10, dropout=0.0
        ),
        tokens_per_batch=400,
        num_shapes=1,
        sample_rows=20,
    )


@pytest.fixture(scope="module")
def run(settings):
    """Lines of report and position of the run; it is stopped once and goes on."""
    lines = []
    short = dataclasses.replace(settings, max_minutes=1e-9)
    stopped = train(short, lines.append)
    assert (stopped["step"], stopped["finished"]) == (1, False)
    return lines, train(settings, lines.append)


def test_learns_what_it_is_shown(settings, run):
    _, position = run
    assert position["finished"]
    valid = [r for r in read_metrics(settings.out) if "valid/loss" in r]
    assert len(valid) == EPOCHS
    assert valid[-1]["valid/loss"] < 0.6 * valid[0]["valid/loss"]
    assert valid[-1]["valid/rouge1"] > valid[0]["valid/rouge1"] + 10
    assert 0 < valid[-1]["valid/length_ratio"] < 3


def test_the_best_model_is_a_folder_of_its_own(settings, run, tmp_path):
    (tmp_path / "model").symlink_to(f"{settings.out}/best")
    texts = Generator(load_policy(tmp_path / "model"))(toy_rows(3, length=6, seed=2))
    assert all(texts)


def test_the_run_says_what_it_is(settings, run):
    lines, position = run
    assert "96 training rows, 96 validation rows" in lines[1]
    assert "stopped, resume to go on at update 1 " in lines[2]
    assert f"finished at update {position['step']}" in lines[-1]
    recorded = json.loads(open(f"{settings.out}/run.json").read())
    assert recorded["settings"]["training"]["learning_rate"] == 1e-2
    assert {"nutgraf", "keras", "backend"} <= set(recorded["versions"])
    assert recorded["estimate"]["updates"] == position["step"]
    assert recorded["weights"] > 10_000


def test_the_estimate_counts_updates_tokens_and_epochs(rows, tokenizer, tmp_path):
    cache = build_cache(rows, tokenizer, tmp_path, 48, 12, "toy")
    shapes = choose_shapes(cache.source_lengths, cache.target_lengths, 48, 12, 250, 1)
    config = ModelConfig(tokenizer.vocabulary_size, max_source=48, max_target=12)
    once = estimate(config, cache, shapes, 1)
    assert once["updates"] == 9
    twice = estimate(config, cache, shapes, 2, accumulate=2)
    assert twice["updates"] == 10  # 4.5, rounded up, in each epoch
    assert twice["flops"] == pytest.approx(2 * once["flops"])
    assert 0 <= once["padding_share"] < 1
    assert once["hours"] > 0


def test_reading_twice_takes_twice_the_flops(rows, tokenizer, tmp_path):
    cache = build_cache(rows, tokenizer, tmp_path, 48, 12, "toy")
    shapes = choose_shapes(cache.source_lengths, cache.target_lengths, 48, 12, 250, 1)
    config = ModelConfig(tokenizer.vocabulary_size, max_source=48, max_target=12)
    once, twice = (estimate(config, cache, shapes, 1, 1, reads) for reads in (1, 2))
    assert twice["flops"] == pytest.approx(2 * once["flops"])
    assert twice["updates"] == once["updates"]


def test_all_options_together_train_a_model_that_can_be_used(settings, tmp_path):
    """Rotary positions, unigram pieces, R-Drop and changed sources."""
    own = dataclasses.replace(
        settings,
        out=str(tmp_path / "run"),
        model=dataclasses.replace(
            settings.model, positions="rotary", tokenizer="unigram"
        ),
        training=dataclasses.replace(
            settings.training, epochs=3, dropout=0.1, r_drop=1.0
        ),
        augment=AugmentSettings(token_dropout=0.05, sentence_shuffle=0.5),
    )
    assert train(own)["finished"]
    losses = [r["valid/loss"] for r in read_metrics(own.out) if "valid/loss" in r]
    assert losses[-1] < losses[0]
    policy = load_policy(f"{own.out}/last")
    assert policy.model.config.positions == "rotary"
    pieces = json.loads(Path(own.out, "last", "tokenizer.json").read_text("utf-8"))
    assert pieces["model"]["type"] == "Unigram"
    assert len(Generator(policy)(toy_rows(2, length=6, seed=2))) == 2


def test_changed_sources_keep_their_question(settings, tmp_path, monkeypatch):
    path, changes = tmp_path / "rows.jsonl", []
    record = {
        "context": "A dog ran. A cat sat. It slept. It woke.",
        "question": "Who sat? Where?",
        "answers": ["A cat"],
    }
    path.write_text("".join(json.dumps(record) + "\n" for _ in range(30)))

    class Seen(Augmenter):
        def __call__(self, ids, row):
            found = super().__call__(ids, row)
            changes.append(self.tokenizer.decode(found))
            return found

    monkeypatch.setattr("nutgraf.training.supervised.Augmenter", Seen)
    own = dataclasses.replace(
        settings,
        out=str(tmp_path / "run"),
        task="answer",
        data=DataSettings(source="files", train=str(path), valid=str(path)),
        model=dataclasses.replace(settings.model, max_source=64),
        augment=AugmentSettings(sentence_shuffle=1.0),
        max_minutes=1e-9,
    )
    train(own)
    questions, contexts = zip(*map(split_asked, changes), strict=True)
    assert {*questions} == {"Who sat? Where?"} and len({*contexts}) > 1


def test_mixed_precision_learns_and_leaves_float32_weights(settings, tmp_path):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.compute_dtype)

    training = dataclasses.replace(settings.training, epochs=3)
    own = dataclasses.replace(
        settings, out=str(tmp_path), training=training, mixed_precision=True
    )
    train(own, callbacks=[Look()])
    losses = [r["valid/loss"] for r in read_metrics(tmp_path) if "valid/loss" in r]
    assert losses[-1] < losses[0] - 0.3
    assert seen == ["bfloat16"] * 3
    model = load_policy(tmp_path / "last").model
    assert model.compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_a_tokenizer_without_a_checkpoint_is_made_anew(settings, run, tmp_path):
    """It may be of other rows: the run before it ended early."""
    own = dataclasses.replace(settings, out=str(tmp_path), max_minutes=1e-9)
    Tokenizer.train(["other rows"] * 3, 300).save(tmp_path)
    before = Tokenizer.load(tmp_path).fingerprint
    train(own)
    after = Tokenizer.load(tmp_path)
    assert after.fingerprint != before
    assert after.fingerprint == Tokenizer.load(Path(settings.out)).fingerprint


def test_goes_on_from_another_model(settings, run, tmp_path):
    """The loss of the first update is that of the weights it starts from."""
    more = dataclasses.replace(
        settings,
        out=str(tmp_path),
        model=ModelSettings(start=f"{settings.out}/last"),
        sample_rows=0,
        max_minutes=1e-9,
    )
    train(more)
    first = read_metrics(tmp_path)[0]["train/loss"]
    losses = [r["train/loss"] for r in read_metrics(settings.out) if "train/loss" in r]
    assert first < 0.6 * losses[0]


def test_a_batch_too_small_for_the_start_is_told_before_rows_are_read(
    settings, run, tmp_path, monkeypatch
):
    def fail(*arguments, **more):
        raise AssertionError("the rows were read")

    wrong = dataclasses.replace(
        settings,
        out=str(tmp_path),
        model=ModelSettings(start=f"{settings.out}/last"),
        tokens_per_batch=43,
    )
    monkeypatch.setattr("nutgraf.recipes.supervised.load_split", fail)
    with pytest.raises(ConfigError, match="at least 44, .* Received: 43"):
        train(wrong)


def test_rows_that_are_left_out_are_told_once(settings, tmp_path, recwarn):
    """Training rows are read for the tokenizer, then for the cache."""
    path = tmp_path / "train.jsonl"
    path.write_text(Path(settings.data.train).read_text() + '{"document": "a"}\n')
    data = dataclasses.replace(settings.data, train=str(path), bad_rows="skip")
    lines = []
    own = dataclasses.replace(
        settings, out=str(tmp_path / "run"), data=data, max_minutes=1e-9
    )
    train(own, lines.append)
    (told,) = [line for line in lines if "bad row" in line]
    assert told.startswith("left out 1 bad row among the first 97 rows:\n")
    assert f"{path}:97: the field `summary` is missing" in told
    assert not [one for one in recwarn if "bad row" in str(one.message)]


def test_a_run_does_not_go_on_with_other_rows(settings, run, tmp_path):
    other = tmp_path / "valid.jsonl"
    data = dataclasses.replace(settings.data, valid=str(other))
    with pytest.raises(ConfigError, match="settings it was .* data.valid = "):
        train(dataclasses.replace(settings, data=data))
    valid = Path(settings.data.valid)
    content, times = valid.read_bytes(), valid.stat()
    try:
        valid.write_text('{"document": "one two three", "summary": "one two"}\n')
        with pytest.raises(ConfigError, match="resumed with the rows it was started"):
            train(settings)
    finally:
        valid.write_bytes(content)
        os.utime(valid, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_decoder_only_model_is_trained_and_loaded_alike(settings, tmp_path):
    model = dataclasses.replace(
        settings.model, architecture="decoder-only", encoder_layers=0
    )
    training = dataclasses.replace(settings.training, epochs=2)
    own = dataclasses.replace(
        settings, out=str(tmp_path / "run"), model=model, training=training
    )
    assert train(own)["finished"]
    losses = [r["valid/loss"] for r in read_metrics(own.out) if "valid/loss" in r]
    assert losses[1] < losses[0]
    policy = load_policy(f"{own.out}/last")
    assert policy.model.config.architecture == "decoder-only"
    assert len(Generator(policy)(toy_rows(2, length=6, seed=2))) == 2
