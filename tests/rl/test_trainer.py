import json

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.self_critical import SelfCritical
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, weights_of


def shortness(prompts, completions, references, rows=None):
    return [-len(text.split()) / 10 for text in completions]


SETTINGS = {
    "updates": 6,
    "prompts": 4,
    "samples": 4,
    "length": 8,
    "checkpoint_every": 2,
    "warmup": 1,
    "source_bounds": (48,),
}


def without_times(records):
    return [
        {k: v for k, v in record.items() if not k.startswith("time/")}
        for record in records
    ]


@pytest.mark.parametrize(
    "recipe", [GRPO, pytest.param(SelfCritical, marks=pytest.mark.slow)]
)
def test_resumed_equals_uninterrupted_bit_for_bit(tokenizer, rows, tmp_path, recipe):
    settings = RLSettings(**SETTINGS, epochs=2 if recipe is GRPO else 1)
    whole = toy_policy(tokenizer)
    records = recipe(whole, shortness, settings, folder=tmp_path / "a").fit(rows)

    class Killed(Exception):
        pass

    def killed_at_5(step, record):
        if step == 5:  # after the checkpoint at 4: update 5 is lost and done again
            raise Killed

    with pytest.raises(Killed):
        recipe(toy_policy(tokenizer), shortness, settings, folder=tmp_path / "b").fit(
            rows, watch=killed_at_5
        )
    resumed = toy_policy(tokenizer)
    again = recipe(resumed, shortness, settings, folder=tmp_path / "b").fit(rows)
    assert without_times(again) == without_times(records[4:])
    for one, two in zip(weights_of(whole), weights_of(resumed), strict=True):
        np.testing.assert_array_equal(one, two)
    logs = [
        [json.loads(line) for line in (tmp_path / d / "metrics.jsonl").open()]
        for d in "ab"
    ]
    assert without_times(logs[0]) == without_times(logs[1])
    for one, two in zip(
        weights_of(load_policy(tmp_path / "b" / "last")), weights_of(whole), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_other_settings_do_not_resume(tokenizer, rows, tmp_path):
    GRPO(
        toy_policy(tokenizer),
        shortness,
        RLSettings(**{**SETTINGS, "updates": 2}),
        folder=tmp_path,
    ).fit(rows)
    other = GRPO(
        toy_policy(tokenizer), shortness, RLSettings(**SETTINGS), folder=tmp_path
    )
    with pytest.raises(ConfigError, match="resumed with the settings"):
        other.fit(rows)


@pytest.mark.xla
def test_every_update_has_its_diagnostics(tokenizer, rows):
    policy = toy_policy(tokenizer)
    record = GRPO(policy, shortness, RLSettings(**{**SETTINGS, "updates": 1})).fit(
        rows
    )[0]
    expected = {
        "reward/mean", "reward/spread", "policy/kl_to_start", "policy/entropy",
        "policy/ratio", "policy/clip_share", "sample/length", "sample/truncated",
        "sample/valid", "train/gradient_norm", "loss/rl", "time/sample",
        "time/reward", "time/update", "time/tokens_per_second",
    }  # fmt: skip
    assert expected <= set(record)
    assert record["policy/ratio"] == pytest.approx(1.0, abs=1e-4)


def test_stops_after_the_time_and_goes_on(tokenizer, rows, tmp_path):
    settings = RLSettings(**SETTINGS)
    policy = toy_policy(tokenizer)
    first = GRPO(policy, shortness, settings, folder=tmp_path).fit(rows, stop_after=0.0)
    assert len(first) == 1
    rest = GRPO(toy_policy(tokenizer), shortness, settings, folder=tmp_path).fit(rows)
    assert len(rest) == 5


def test_micro_batches_give_the_numbers_of_the_whole(tokenizer, rows):
    """One update from two prompts at a time equals one from four."""
    records = []
    for size in (0, 2):
        chosen = RLSettings(
            **{**SETTINGS, "updates": 1, "micro_prompts": size, "kl_weight": 0.1}
        )
        policy = toy_policy(tokenizer)
        records += without_times(GRPO(policy, shortness, chosen).fit(rows))
    whole, parts = records
    # abs: the loss is a sum of terms of both signs near 0.01, in float32
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-6)
