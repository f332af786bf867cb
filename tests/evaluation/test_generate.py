"""Texts of many rows: one per row in their order, whatever the batches are."""

import numpy as np
import pytest

from nutgraf.arrays import Processors
from nutgraf.evaluation.generate import Generator
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

LENGTH = 6


@pytest.fixture(scope="module")
def policy(tokenizer):
    """A policy with large weights, the same on all backends: its texts differ."""
    policy = toy_policy(tokenizer, decoder_layers=1)
    random = np.random.default_rng(0)
    for variable in policy.variables:
        if len(variable.shape) > 1:
            scale = 2.0 if "embedding" in variable.path else 0.5
            variable.assign(random.normal(0.0, scale, variable.shape))
    return policy


@pytest.fixture(scope="module")
def rows():
    """Rows of falling length, so that the order of the batches is not theirs."""
    made = toy_rows(5, length=8)
    return [
        row._replace(document=" ".join(row.document.split()[: 8 - number]))
        for number, row in enumerate(made)
    ]


@pytest.fixture(scope="module")
def greedy(policy):
    return Generator(policy, rows=3, length=LENGTH)


@pytest.fixture(scope="module")
def texts(greedy, rows):
    return greedy(rows)


def test_each_row_has_its_own_text(greedy, rows, texts):
    assert len(set(texts)) > 1  # else a wrong order would not be seen
    assert [greedy([row])[0] for row in rows] == texts
    assert greedy(rows[::-1]) == texts[::-1]
    assert greedy([]) == []


def test_no_text_is_longer_than_asked(policy, greedy, rows, monkeypatch):
    lengths = []
    render = policy.codec.render

    def spy(batch, actions):
        lengths.append(actions.shape[-1])
        return render(batch, actions)

    monkeypatch.setattr(policy.codec, "render", spy)
    greedy(rows)
    assert lengths == [LENGTH, LENGTH]


def test_progress_counts_rows_not_fillers(greedy, rows):
    counts = []
    greedy(rows, advance=counts.append)
    assert counts == [3, 2]


def test_other_weights_can_be_given(policy, greedy, rows, texts):
    kept = weights_of(policy)
    assert greedy(rows, kept) == texts
    zeros = [np.zeros_like(value) for value in kept]
    assert greedy(rows, zeros) != texts
    assert greedy(rows) == texts


def test_a_beam_of_two_finds_other_texts(policy, rows, texts):
    beam = Generator(policy, beams=2, rows=3, length=LENGTH)
    found = beam(rows)
    assert [beam([row])[0] for row in rows[:2]] == found[:2]
    assert found != texts


def test_with_a_temperature_texts_are_drawn_by_the_seed(policy, rows, texts):
    drawing = Generator(
        policy, rows=3, length=LENGTH, processors=Processors(temperature=2.0), seed=1
    )
    first, same = drawing(rows[:3]), drawing(rows[:3])
    drawing.seed = 2
    assert first == same
    assert first != drawing(rows[:3])
    assert first != texts[:3]
