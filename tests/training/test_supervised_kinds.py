"""Supervised training of other kinds of models: interrupted, it goes on bit for bit."""

import pytest

from nutgraf.backend import assign
from nutgraf.data.batches import choose_shapes
from nutgraf.data.cache import build_cache
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from nutgraf.training.settings import SupervisedSettings
from nutgraf.training.supervised import SupervisedTrainer
from tests.training.test_supervised import SETTINGS, same


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "kind", [pytest.param("lstm", marks=pytest.mark.slow), "decoder-only"]
)
def test_killed_and_resumed_equals_uninterrupted(tokenizer, tmp_path, kind):
    """Stopped after updates 1 and 2; killed in update 4, resumed from update 3."""
    rows = toy_rows(40, length=5)
    cache = build_cache(rows, tokenizer, tmp_path, 16, 12, "short")
    shapes = choose_shapes(cache.source_lengths, cache.target_lengths, 16, 12, 100, 1)
    policy = toy_policy(tokenizer, architecture=kind, decoder_layers=1)
    start = weights_of(policy)

    def trainer(folder):
        assign(policy.variables, start)
        settings = SupervisedSettings(**{**SETTINGS, "epochs": 1, "dropout": 0.1})
        return SupervisedTrainer(policy, settings, tmp_path / folder, shapes)

    assert trainer("whole").fit(cache, cache)["finished"]
    for _ in range(2):
        assert not trainer("torn").fit(cache, cache, stop_after=0.0)["finished"]
    killed = trainer("torn")
    apply, calls = killed._apply, []

    def apply_and_die(*given):
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        return apply(*given)

    killed._apply = apply_and_die
    with pytest.raises(Killed):
        killed.fit(cache, cache)
    assert trainer("torn").fit(cache, cache)["finished"]
    same(tmp_path / "torn", tmp_path / "whole")
