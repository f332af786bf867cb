import numpy as np
import pytest

from nutgraf.recipes.continued import ContinuedSupervised
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, weights_of

SETTINGS = RLSettings(
    updates=8,
    prompts=4,
    samples=4,
    length=8,
    learning_rate=1e-2,
    warmup=1,
    checkpoint_every=3,
    source_bounds=(48,),
)


class Killed(Exception):
    pass


def small_policy(tokenizer):
    return toy_policy(tokenizer, decoder_layers=1, width=16, feed_forward=32)


def losses_of(records):
    return [record["loss/supervised"] for record in records]


@pytest.fixture(scope="module")
def whole(tokenizer, rows, tmp_path_factory):
    """Records and policy of a run without interruption."""
    policy = small_policy(tokenizer)
    folder = tmp_path_factory.mktemp("whole")
    arm = ContinuedSupervised(policy, SETTINGS, folder=folder)
    return arm.fit(rows), policy


def test_learns_the_references(whole):
    records, _ = whole
    losses = losses_of(records)
    assert losses[0] > 3.0  # it starts at random weights
    assert losses[-1] < 0.8 * losses[0]
    assert all(b < a for a, b in zip(losses[::3], losses[3::3], strict=False))


def test_an_update_takes_as_many_references_as_rl_takes_samples(whole, tokenizer):
    arm = ContinuedSupervised(small_policy(tokenizer), SETTINGS)
    assert arm.prompts == SETTINGS.prompts * SETTINGS.samples
    records, _ = whole
    # four words of one or two pieces and the end, at most `length`
    assert all(5 <= record["sample/length"] <= 8 for record in records)
    assert all(record["train/gradient_norm"] > 0 for record in records)


def test_resumed_equals_uninterrupted_bit_for_bit(whole, tokenizer, rows, tmp_path):
    def killed_at_5(step, record):
        if step == 5:  # after the checkpoint at 3: updates 4 and 5 are done again
            raise Killed

    def arm(policy):
        return ContinuedSupervised(policy, SETTINGS, folder=tmp_path)

    with pytest.raises(Killed):
        arm(small_policy(tokenizer)).fit(rows, watch=killed_at_5)
    resumed = small_policy(tokenizer)
    records, expected = arm(resumed).fit(rows), whole[0]
    assert losses_of(records) == losses_of(expected[3:])
    for one, two in zip(weights_of(resumed), weights_of(whole[1]), strict=True):
        np.testing.assert_array_equal(one, two)
