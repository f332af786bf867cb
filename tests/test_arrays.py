import numpy as np
import pytest

from nutgraf.arrays import Processors, check_shapes
from nutgraf.errors import ConfigError


def zeros(*shape):
    return np.zeros(shape, "float32")


def test_letters_numbers_and_leading_axes():
    found = check_shapes(
        log_probs=(zeros(2, 3, 5), "P G T"),
        mask=(zeros(2, 3, 5), "P G T"),
        pair=(zeros(2, 2), "P 2"),
        logits=(zeros(7, 9, 5, 11), "... T V"),
    )
    assert found == {"P": 2, "G": 3, "T": 5, "V": 11}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"mask": (zeros(2, 3), "P G T")},
            r"mask must have the shape \(P G T\). Received: mask.shape=\(2, 3\).",
        ),
        (
            {"actions": (zeros(2, 3), "P T"), "mask": (zeros(2, 4), "P T")},
            r"\(P T\) with T=3 as in actions. Received: mask.shape=\(2, 4\).",
        ),
        ({"pair": (zeros(2, 3), "P 2")}, r"with 2=2. Received: pair.shape=\(2, 3\)."),
        ({"logits": (zeros(3), "... T V")}, r"Received: logits.shape=\(3,\)."),
    ],
)
def test_wrong_shapes_are_named(named, message):
    with pytest.raises(ValueError, match=message):
        check_shapes(**named)


def test_a_size_that_is_not_known_yet_fits_all():
    class Unknown:
        shape = (None, 3)

    assert check_shapes(a=(zeros(2, 3), "P T"), b=(Unknown(), "P T"))["P"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature must be a number > 0. Received: .*=0.0"),
        ({"top_k": -1}, "top_k must be an integer >= 0"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\]"),
        ({"top_p": 1.1}, r"top_p must be in \(0, 1\]"),
        ({"min_length": -1}, "min_length must be an integer >= 0"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be an integer >= 0"),
    ],
)
def test_processors_out_of_range_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        Processors(**changes)


def test_what_processors_say_of_themselves():
    assert Processors().plain and not Processors().filters
    assert not Processors(temperature=0.7).plain
    assert not Processors(temperature=0.7).filters
    assert Processors(top_k=3).filters and Processors(top_p=0.9).filters
    assert len({Processors(), Processors(), Processors(top_k=3)}) == 2  # hashable
