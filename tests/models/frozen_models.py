"""Models of other packages, frozen with what they compute: see tests/oracles."""

import json
from pathlib import Path

import numpy as np

from nutgraf.arrays import PAD, Batch
from nutgraf.backend import assign
from nutgraf.models.checkpoint import weight_names
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of

FROZEN = Path(__file__).parent / "frozen"


def read_frozen(name):
    """The arrays of a file, and under "about" what it says of itself."""
    with np.load(FROZEN / f"{name}.npz", allow_pickle=False) as file:
        arrays = dict(file)
    arrays["about"] = json.loads(str(arrays["about"]))
    assert arrays["about"]["package"] == "transformers"
    return arrays


def frozen_weights(frozen):
    """Weight by name, float32."""
    return {
        name.removeprefix("weights/"): value.astype("float32")
        for name, value in frozen.items()
        if name.startswith("weights/")
    }


def take_weights(model, frozen):
    """Give a model of ours the weights of the other, all of them."""
    named, names = frozen_weights(frozen), weight_names(model.trainable_variables)
    assert sorted(named) == sorted(names)
    assign(model.trainable_variables, [named[name] for name in names])


def frozen_batch(frozen):
    """The texts, padded on the right."""
    source, target = frozen["source_ids"], frozen["target_ids"]
    assert (source == PAD).any()
    numbers = np.arange(len(source), dtype=np.int32)
    return Batch(numbers, source, source != PAD, target, target != PAD)


def check_greedy(policy, batch, frozen):
    """Greedy texts are those of the other."""
    expected = frozen["greedy/actions"]
    sampler = Sampler(policy, 1, expected.shape[1], greedy=True)
    found = sampler(weights_of(policy), batch)
    assert np.array_equal(np.where(found.mask, found.actions, PAD)[:, 0], expected)
    assert found.ended.sum() >= 3  # not only texts cut at the limit


def check_beams(policy, batch, frozen, exact):
    """Texts of beam search and their scores are those of the other."""
    expected, beams = frozen["beam/actions"], frozen["about"]["beams"]
    search = BeamSearch(policy, beams, expected.shape[1], length_penalty=0.0)
    found = search(weights_of(policy), batch)
    assert np.array_equal(found.actions[:, 0], expected)
    assert (expected != frozen["greedy/actions"]).any()  # the beam finds other texts
    np.testing.assert_allclose(
        found.log_probs[:, 0].sum(-1), frozen["beam/scores"], rtol=exact, atol=exact
    )
