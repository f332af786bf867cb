"""Toy rows as a token cache, and the one shape their batches have."""

import pytest

from nutgraf.data.batches import choose_shapes
from nutgraf.data.cache import build_cache


@pytest.fixture(scope="session")
def cache(rows, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    return build_cache(rows, tokenizer, folder, 48, 12, "toy")


@pytest.fixture(scope="session")
def shapes(cache):
    """Nine batches an epoch: of two that make an update, the last lacks its second."""
    return choose_shapes(cache.source_lengths, cache.target_lengths, 48, 12, 250, 1)
