import sys

import numpy as np
import pytest

from nutgraf.errors import DataError, DependencyError
from nutgraf.search import vectors as module
from nutgraf.search.vectors import Vectors


def unit(count, width=8, seed=0):
    found = np.random.default_rng(seed).normal(size=(count, width))
    return np.float32(found / np.linalg.norm(found, axis=1, keepdims=True))


def test_the_nearest_by_brute_force(tmp_path):
    own, asked = unit(50), unit(3, seed=1)
    vectors = Vectors.build(own)
    vectors.save(tmp_path / "v")
    for index in (vectors, Vectors.load(tmp_path / "v")):
        assert len(index) == 50 and index.width == 8
        for query in asked:
            numbers, cosines = index.search(query, 10)
            expected = np.argsort(-(own @ query), kind="stable")[:10]
            assert numbers.tolist() == expected.tolist()
            np.testing.assert_allclose(
                cosines, own[expected] @ query, rtol=1e-4, atol=1e-6
            )
        np.testing.assert_array_equal(index.get(np.array([7, 3])), own[[7, 3]])


def test_the_graph_finds_nearly_all(monkeypatch):
    own, asked = unit(500), unit(20, seed=1)
    vectors = Vectors.build(own)
    exact = [set(vectors.search(query, 10)[0]) for query in asked]
    monkeypatch.setattr(module, "EXACT_UP_TO", 0)
    found = [set(vectors.search(query, 10)[0]) for query in asked]
    shared = [len(a & b) for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) > 9


def test_ties_go_to_the_first_and_few_are_all():
    own = np.repeat(unit(1), 3, axis=0)
    numbers, _ = Vectors.build(own).search(own[0], 10)
    assert numbers.tolist() == [0, 1, 2]


def test_zeros_are_left_out_and_numbers_stay(tmp_path):
    own = unit(5)
    own[[0, 3]] = 0
    Vectors.build(own).save(tmp_path / "v")
    vectors = Vectors.load(tmp_path / "v")
    numbers, _ = vectors.search(own[4], 10)
    assert len(vectors) == 3 and numbers[0] == 4 and {*numbers.tolist()} == {1, 2, 4}
    np.testing.assert_array_equal(vectors.get(np.arange(5)), own)
    assert vectors.get(np.arange(0)).shape == (0, 8)


def test_broken_files_and_numbers_are_told(tmp_path):
    (tmp_path / "v").write_bytes(b"nothing")
    for path in (tmp_path / "v", tmp_path / "absent"):
        with pytest.raises(DataError, match="must be a usearch index. Received: "):
            Vectors.load(path)
    bad = unit(3)
    bad[1, 0] = np.nan
    with pytest.raises(DataError, match="must be finite. Received: 1 with NaN"):
        Vectors.build(bad)


def test_an_absent_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    with pytest.raises(DependencyError, match="Dense search needs the package `use"):
        Vectors.build(unit(2))
