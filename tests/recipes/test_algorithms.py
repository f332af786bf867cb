"""What must hold for every algorithm, whatever it does with the rewards."""

import dataclasses

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.algorithms import (
    ALGORITHMS,
    make_recipe,
    options_of,
    read_options,
)
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from tests.rl.test_trainer import without_times

SETTINGS = RLSettings(
    updates=4,
    prompts=4,
    samples=4,
    length=6,
    learning_rate=5e-3,
    warmup=1,
    checkpoint_every=2,
    source_bounds=(16,),
)
RL = [name for name in ALGORITHMS if name != "supervised"]
OPTIONS = {
    "nlpo": ["mask_every=3", "mask_top_p=0.8"],
    "ppo": ["critic=separate", "critic_warmup=1", "kl_target=1", "critic_clip=0.2"],
    "grpo": ["stale=3"],
    "reinforce": ["baseline=learned"],
    "rejection": ["best=2"],
}
"""Options under which there is more to save and to get wrong."""
SAME = {"dr-grpo", "gspo", "cispo", "ipo"}
"""Recipes under another name, which keep nothing of their own between updates."""
FEW = {"grpo", "dapo", "rloo", "reinforce", "ppo", "nlpo", "dpo"}
"""Those that differ in what they keep or add up; the others are slow tests."""
KINDS = [("grpo", "decoder-only"), ("grpo", "lstm"), ("ppo", "decoder-only")]
"""Algorithms with models of other kinds; the pairs left out are slow tests."""
ONE_UPDATE = [*KINDS, ("grpo", "rnn")]
"""The same for tests of a single update."""


def pairs(names, kinds=KINDS):
    """Algorithms and kinds of models, with a mark on what is left to the slow tests."""
    found = [(name, "encoder-decoder", name not in FEW) for name in names]
    found += [
        (name, kind, (name, kind) not in kinds)
        for name in ("grpo", "ppo", "self-critical")
        for kind in ("decoder-only", "lstm", "gru", "rnn")
    ]
    return [
        pytest.param(name, kind, marks=[pytest.mark.slow] * slow)
        for name, kind, slow in found
    ]


def echo(prompts, completions, references, rows=None):
    """Share of the first four words that occur in the document."""
    return [
        sum(word in prompt.split() for word in text.split()[:4]) / 4
        for prompt, text in zip(prompts, completions, strict=True)
    ]


def recipe_of(name, policy, settings=SETTINGS, folder=None, options=()):
    return make_recipe(name, policy, echo, settings, options=options, folder=folder)


@pytest.fixture(scope="module")
def rows():
    """Short documents: recurrent models read word by word."""
    return toy_rows(length=6)


class Killed(Exception):
    pass


@pytest.mark.parametrize(("name", "kind"), pairs([n for n in RL if n not in SAME]))
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(
    tokenizer, rows, tmp_path, name, kind
):
    """Killed after update 3, in the middle of a pass; resumed from update 2."""

    def made(folder):
        policy = toy_policy(tokenizer, architecture=kind)
        options = OPTIONS.get(name, ())
        return recipe_of(name, policy, folder=tmp_path / folder, options=options)

    whole = made("a")
    records = whole.fit(rows)

    def killed(step, record):
        if step == 3:
            raise Killed

    torn = made("b")
    with pytest.raises(Killed):
        torn.fit(rows, watch=killed)
    again = made("b")
    assert without_times(again.fit(rows)) == without_times(records[2:])
    for one, two in zip(
        weights_of(whole.trainer.policy), weights_of(again.trainer.policy), strict=True
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "kind"), pairs(RL, ONE_UPDATE))
def test_the_first_ratio_is_one_and_micro_batches_add_up(tokenizer, rows, name, kind):
    found = []
    start = weights_of(toy_policy(tokenizer, architecture=kind))
    for size in (0, 1):
        settings = dataclasses.replace(
            SETTINGS, updates=1, micro_prompts=size, entropy_weight=0.01
        )
        options = [o for o in OPTIONS.get(name, ()) if "stale" not in o]
        options += ["critic_warmup=0"] if name == "ppo" else []
        policy = toy_policy(tokenizer, architecture=kind)
        recipe = recipe_of(name, policy, settings, options=options)
        (record,) = without_times(recipe.fit(rows))
        assert record["policy/ratio"] == pytest.approx(1.0, abs=1e-4)
        found.append((record, weights_of(recipe.trainer.policy)))
    (whole, one), (parts, two) = found
    # rel and abs: losses are sums of terms of both signs near 0.01, in float32
    assert parts == pytest.approx(whole, rel=1e-3, abs=1e-5)  # sums reordered
    moved = max(np.abs(a - b).max() for a, b in zip(one, start, strict=True))
    far = [np.abs(a - b) > 0.05 * moved for a, b in zip(one, two, strict=True)]
    # Adam's first step is the gradient's sign: where that is near 0, it may flip
    assert np.concatenate([values.ravel() for values in far]).mean() < 2e-3


@pytest.mark.parametrize("name", RL)
def test_options_are_those_of_the_recipe(name):
    options = options_of(name)
    assert "folder" not in options and "policy" not in options
    assert set(read_options(name, OPTIONS.get(name, ()))) <= set(options)


def test_options_are_read_by_their_type():
    found = read_options(
        "grpo", ["scale=false", "dual_clip = 3", "average=sequence", "resample=2"]
    )
    assert found == {
        "scale": False,
        "dual_clip": 3.0,
        "average": "sequence",
        "resample": 2,
    }
    assert read_options("gspo", ["clip_range_high=none"])["clip_range_high"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["clip_rnge=0.1"], r"Received: 'clip_rnge=0.1'. Did you mean clip_range\?"),
        (["clip_range"], "written name=value"),
        (["clip_range=big"], "clip_range of grpo must be a number. Received: 'big'"),
        (["average=words"], "one of token, sequence, length. Received: 'words'"),
        (["scale=1"], "must be true or false"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        read_options("grpo", options)


def test_unknown_algorithms_are_refused():
    with pytest.raises(ConfigError, match="one of grpo, .*Received: 'trpo'"):
        read_options("trpo", [])
    with pytest.raises(ConfigError, match="rloo has no options"):
        read_options("rloo", ["clip_range=0.1"])


@pytest.mark.parametrize("name", ["grpo", "rloo", "minimum-risk", "dpo", "rejection"])
def test_group_methods_need_a_group(policy, name):
    with pytest.raises(ConfigError, match="samples must be at least 2"):
        recipe_of(name, policy, dataclasses.replace(SETTINGS, samples=1))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("grpo", "clip_range=1.5"),
        ("grpo", "clip_range_high=0"),
        ("dapo", "dual_clip=1"),
        ("gspo", "ratio_limit=0.5"),
        ("grpo", "resample=-1"),
        ("grpo", "stale=-1"),
        ("cispo", "dual_clip=3"),
        ("cispo", "ratio_limit=6"),
        ("cispo", "clip_range=0.1"),
        ("reinforce", "decay=0"),
        ("reinforce", "critic_weight=0.5"),
        ("minimum-risk", "sharpness=0"),
        ("a2c", "discount=1.5"),
        ("a2c", "trace=-0.1"),
        ("a2c", "critic_weight=0"),
        ("a2c", "critic_warmup=-1"),
        ("ppo", "kl_target=-1"),
        ("ppo", "kl_horizon=3"),
        ("ppo", "kl_horizon=500"),
        ("ppo", "critic_clip=0"),
        ("nlpo", "mask_top_p=1"),
        ("nlpo", "mask_every=0"),
        ("nlpo", "trace=nan"),
        ("dpo", "beta=0"),
        ("dpo", "label_smoothing=0.5"),
        ("ipo", "label_smoothing=0.1"),
        ("rejection", "best=4"),
    ],
)
def test_options_are_refused_when_the_algorithm_is_made(policy, name, option):
    """Out of range, or read by nothing: the name and the value are told."""
    key, _, value = option.partition("=")
    with pytest.raises(ConfigError, match=rf"{key}=(nan|{float(value):g})"):
        make_recipe(name, policy, echo, SETTINGS, options=[option])
    make_recipe(name, policy, echo, SETTINGS)
