import numpy as np
import pytest

from nutgraf import backend
from nutgraf.backend.random import dropout_mask, hash_counters, uniform


def draw(*counters):
    return backend.to_numpy(uniform(*counters))


def test_same_bits_on_every_backend():
    # frozen: the same numbers must come from TensorFlow, JAX and PyTorch
    found = draw(np.int32(3), np.arange(4, dtype="int32"))
    np.testing.assert_allclose(
        found, [0.6071576, 0.61918163, 0.63260555, 0.11392536], rtol=1e-6
    )


def test_uniform_is_uniform_and_uncorrelated():
    found = draw(7, 1, np.arange(200_000, dtype="int32"))
    assert 0 < found.min() and found.max() < 1
    counts = np.histogram(found, 50, (0, 1))[0]
    expected = len(found) / 50
    assert ((counts - expected) ** 2 / expected).sum() < 90  # 49 degrees, p > 0.0003
    for lag in (1, 2, 64):
        assert abs(np.corrcoef(found[lag:], found[:-lag])[0, 1]) < 0.01


@pytest.mark.parametrize("place", range(4))
def test_every_counter_matters_in_its_own_place(place):
    counters = [5, 6, 7, 8]
    changed = list(counters)
    changed[place] += 1
    assert draw(*counters) != draw(*changed)
    swapped = list(counters)
    swapped[place], swapped[place - 1] = swapped[place - 1], swapped[place]
    assert draw(*counters) != draw(*swapped)


def test_neighbouring_seeds_give_unrelated_streams():
    rows = np.arange(5000, dtype="int32")
    streams = np.stack([draw(seed, rows) for seed in range(20)])
    off_diagonal = np.corrcoef(streams)[~np.eye(20, dtype=bool)]
    assert abs(off_diagonal).max() < 0.06


def test_hash_has_no_collisions_in_a_small_grid():
    grid = backend.to_numpy(
        hash_counters(
            np.arange(100, dtype="int32")[:, None], np.arange(100, dtype="int32")
        )
    )
    assert len(np.unique(grid)) > 9_995


def test_dropout_mask_keeps_the_asked_share():
    kept = backend.to_numpy(dropout_mask((100, 300), 0.1, 4, 2))
    assert kept.shape == (100, 300)
    assert abs(kept.mean() - 0.9) < 0.01
