"""A searcher over the toy collection, and rows of candidates."""

import pytest

from nutgraf.search.ranking import ranking_rows
from tests.search.toy_search import toy_queries, toy_searcher


@pytest.fixture(scope="session")
def searcher(tmp_path_factory):
    return toy_searcher(tmp_path_factory.mktemp("index") / "toy")


@pytest.fixture(scope="session")
def ranking(searcher):
    """Twelve rows of at most eight candidates."""
    return ranking_rows(searcher, *toy_queries(), 8)
