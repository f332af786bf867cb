"""Algorithms learn to find the rare word, two of them to order digits, rewrite dates.

A policy that guesses fails all: of the texts that the start draws at random, about one
in twenty is right. The start was shown the answers for a short while.
"""

import dataclasses

import numpy as np
import pytest

from nutgraf.backend import assign
from nutgraf.recipes.algorithms import ALGORITHMS, make_recipe
from nutgraf.recipes.continued import ContinuedSupervised
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toy_tasks import (
    date_rows,
    digit_rows,
    order_reward,
    rare_reward,
    rare_rows,
    task_tokenizer,
)
from nutgraf.testing.toys import toy_policy, weights_of
from tests.recipes.test_learning import OPTIONS

SLOWER = ("self-critical", "reinforce", "minimum-risk", "dpo", "ipo")
"""They need other learning rates than the one below to find the word with every seed;
tests/recipes/test_learning.py has all algorithms with three seeds."""
FAST = [name for name in ALGORITHMS if name not in ("supervised", *SLOWER)]
SETTINGS = RLSettings(
    updates=40,
    prompts=8,
    samples=8,
    length=6,
    learning_rate=5e-3,
    warmup=2,
    kl_weight=0.0,
    entropy_weight=0.02,
    source_bounds=(16,),
)
TASKS = {
    "rare": (rare_rows(), rare_reward, 0.55, 0.7),
    "order": (digit_rows(length=3), order_reward, 0.35, 0.5),
    "dates": (date_rows(), order_reward, 0.45, 0.55),
}
"""Rows, reward, what the reward begins below, and what it must reach."""
LONG = 80
"""Updates in the slow tests: with forty, two seeds are on their way."""


@pytest.fixture(scope="module")
def start_of():
    """Return the policy that has seen the answers for 20 updates, always the same."""
    tokenizer = task_tokenizer()
    known = {}

    def start(task):
        policy = toy_policy(tokenizer)
        if task not in known:
            shown = dataclasses.replace(SETTINGS, updates=20)
            ContinuedSupervised(policy, shown).fit(TASKS[task][0])
            known[task] = weights_of(policy)
        assign(policy.variables, known[task])
        return policy

    return start


def check_learns(start_of, task, name, seed, updates=LONG):
    rows, reward, low, enough = TASKS[task]
    settings = dataclasses.replace(SETTINGS, updates=updates, seed=seed)
    options = OPTIONS.get(name, ())
    recipe = make_recipe(name, start_of(task), reward, settings, options=options)
    records = recipe.fit(rows)
    rewards = [record["reward/mean"] for record in records]
    assert np.mean(rewards[:3]) < low
    assert np.mean(rewards[-5:]) > enough


def test_grpo_finds_the_rare_word(start_of):
    check_learns(start_of, "rare", "grpo", 0, SETTINGS.updates)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", FAST)
def test_they_find_the_rare_word_with_any_seed(start_of, name, seed):
    check_learns(start_of, "rare", name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["grpo", "ppo"])
@pytest.mark.parametrize("task", ["order", "dates"])
def test_they_order_digits_and_rewrite_dates(start_of, task, name, seed):
    check_learns(start_of, task, name, seed)
