import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.models.heads import read_head, scalar_head, state_width
from nutgraf.testing.toys import toy_policy


def test_a_new_head_gives_zero_for_every_state():
    hidden = np.random.default_rng(0).normal(size=(2, 3, 4, 8)).astype("float32")
    found = to_numpy(read_head(scalar_head(8), hidden))
    assert found.shape == (2, 3, 4)
    assert (found == 0).all()


def test_a_head_is_a_product_and_a_bias():
    head = {"kernel": np.float32([1, -2]), "bias": np.float32(0.5)}
    found = to_numpy(read_head(head, np.float32([[[3, 1]], [[0, 1]]])))
    assert found.tolist() == [[1.5], [-1.5]]


def test_the_width_is_that_of_the_policys_states(policy):
    assert state_width(policy) == 32
    assert state_width(toy_policy(policy.codec.tokenizer, width=16)) == 16
