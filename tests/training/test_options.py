"""What can be added to supervised training: R-Drop, changed sources."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.data.augment import Augmenter, AugmentSettings
from nutgraf.data.batches import epoch_batches, materialise
from nutgraf.errors import ConfigError
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.logits_policy import LogitsPolicy
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings
from nutgraf.training.step import gradient_step
from nutgraf.training.supervised import SupervisedTrainer

SEED = np.int32(3)
AUGMENT = AugmentSettings(token_dropout=0.2, sentence_shuffle=0.5)
SETTINGS = {"epochs": 2, "learning_rate": 5e-3, "warmup": 3, "checkpoint_every": 4}


@pytest.fixture(scope="module")
def policy(tokenizer):
    return toy_policy(tokenizer, decoder_layers=1)


@pytest.fixture(scope="module")
def batch(policy, rows):
    return policy.codec.batch(rows[:4], source_length=48)


def test_without_dropout_r_drop_learns_what_is_plain(policy, batch):
    values = weights_of(policy)
    plain, nll, count = to_numpy(gradient_step(policy, 0.1, 0.0)(values, batch, SEED))
    found = to_numpy(gradient_step(policy, 0.1, 0.0, 5.0)(values, batch, SEED))
    assert (found[1], found[2]) == (pytest.approx(nll, rel=1e-6), count)
    for one, two in zip(found[0], plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_r_drop_is_the_mean_of_two_dropouts_and_their_distance(policy, batch):
    """The gradient is linear in the weight; at 0 it is that of the mean."""
    values = weights_of(policy)
    light, _, _ = to_numpy(gradient_step(policy, 0.0, 0.3, 1e-6)(values, batch, SEED))
    one, _, _ = to_numpy(gradient_step(policy, 0.0, 0.3)(values, batch, SEED))
    two, _, _ = to_numpy(gradient_step(policy, 0.0, 0.3, 2.0)(values, batch, SEED))
    four, _, _ = to_numpy(gradient_step(policy, 0.0, 0.3, 4.0)(values, batch, SEED))
    again, _, _ = to_numpy(gradient_step(policy, 0.0, 0.3, 2.0)(values, batch, SEED))
    scale = max(abs(grad).max() for grad in two)
    for a, b, c, same in zip(light, two, four, again, strict=True):
        np.testing.assert_allclose(c - b, b - a, rtol=1e-3, atol=1e-5 * scale)  # sums
        np.testing.assert_array_equal(b, same)
    changed = [abs(a - b).max() for a, b in zip(light, one, strict=True)]
    assert max(changed) > 1e-3 * scale  # a second dropout is at work


def test_r_drop_needs_a_dropout_and_a_policy_that_can(policy):
    with pytest.raises(ConfigError, match=r"dropout must be > 0 .*r_drop=1.0, dropo"):
        SupervisedSettings(r_drop=1.0, dropout=0.0)
    with pytest.raises(ConfigError, match="r_drop must be a number >= 0. Received: r"):
        SupervisedSettings(r_drop=-1.0)
    other = LogitsPolicy(policy.model, policy.codec, policy.vocabulary_size)
    with pytest.raises(ConfigError, match="without the method `divergence`. Received"):
        gradient_step(other, 0.0, 0.1, 1.0)


@pytest.fixture(scope="module")
def make(tokenizer, shapes):
    """Return a function that makes a trainer at the start of a run in a folder."""
    policy = toy_policy(tokenizer, decoder_layers=1)
    start, compiled = weights_of(policy), {}

    def made(folder, augment=AUGMENT):
        for variable, value in zip(policy.variables, start, strict=True):
            variable.assign(value)
        settings = SupervisedSettings(**SETTINGS, r_drop=1.0)
        trainer = SupervisedTrainer(policy, settings, folder, shapes, augment=augment)
        for name in ("_gradient", "_add", "_apply", "_evaluate"):
            setattr(trainer, name, compiled.setdefault(name, getattr(trainer, name)))
        return trainer

    return made


def test_a_run_with_all_options_goes_on_bit_for_bit(make, cache, tmp_path):
    make(tmp_path / "whole").fit(cache, cache)
    parts = 0
    while not make(tmp_path / "parts").fit(cache, cache, stop_after=0.0)["finished"]:
        parts += 1
    assert parts > 4
    whole, cut = (
        weights_of(load_policy(tmp_path / name / "last")) for name in ("whole", "parts")
    )
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))
    losses = [
        r["train/loss"] for r in read_metrics(tmp_path / "whole") if "train/loss" in r
    ]
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
    with pytest.raises(ConfigError, match=r"started with: augment = .* Received: aug"):
        make(tmp_path / "whole", AugmentSettings()).fit(cache, cache)


def test_training_sources_change_with_the_epoch_and_others_stay(
    make, cache, shapes, tokenizer, tmp_path, monkeypatch
):
    seen = []

    def keep(cache, plan, change=None):
        found = materialise(cache, plan, change)
        seen.append((change, found))
        return found

    monkeypatch.setattr("nutgraf.training.supervised.materialise", keep)
    trainer = make(tmp_path)
    trainer._gradient = lambda values, batch, seed: (values, 1.0, 1.0)
    trainer._apply = lambda values, state, *rest: (values, state, 1.0)
    trainer.fit(cache, cache)
    changed = [batch for change, batch in seen if change is not None]
    plain = [batch for change, batch in seen if change is None]
    assert len(changed) == 2 * len(epoch_batches(cache, shapes, 0, 0))

    def sources(batches):
        found = {}
        for batch in batches:
            for number, ids in zip(batch.row_ids, batch.source_ids, strict=True):
                found.setdefault(int(number), []).append(ids[ids > 0].tolist())
        return found

    before, after = sources(plain), sources(changed)
    for place, number in enumerate(cache.row_numbers.tolist()):
        ids = cache.source(place)
        assert before[number][0] == ids.tolist()
        expected = [
            Augmenter(AUGMENT, tokenizer, 0, epoch)(ids, number) for epoch in (0, 1)
        ]
        assert after[number][:2] == [some.tolist() for some in expected]
    different = [one != two for one, two, *_ in after.values()]
    assert np.mean(different) > 0.8
