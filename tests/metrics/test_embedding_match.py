import numpy as np
import pytest

from nutgraf.metrics.embedding_match import TokenVectors, greedy_match


def text(count, seed, size=6):
    vectors = np.random.default_rng(seed).normal(size=(count + 2, size))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(
        "float32"
    )
    counts = np.ones(count + 2, bool)
    counts[[0, -1]] = False
    return TokenVectors(vectors, counts)


def test_the_numbers_of_a_loop():
    one, two = text(4, 0), text(7, 1)
    found = greedy_match(one, two)
    cosine = [[float(a @ b) for b in two.vectors] for a in one.vectors]
    precision = np.mean([max(row) for row in cosine[1:-1]])
    recall = np.mean([max(row[j] for row in cosine) for j in range(1, 8)])
    assert found.precision == pytest.approx(precision, rel=1e-5)
    assert found.recall == pytest.approx(recall, rel=1e-5)
    assert found.f1 == pytest.approx(
        2 * precision * recall / (precision + recall), rel=1e-5
    )


def test_a_text_matches_itself():
    assert greedy_match(text(5, 0), text(5, 0)) == pytest.approx((1, 1, 1), rel=1e-5)


def test_swapped_texts_swap_precision_and_recall():
    one, two = (
        greedy_match(text(3, 0), text(6, 1)),
        greedy_match(text(6, 1), text(3, 0)),
    )
    assert one.precision == pytest.approx(two.recall)
    assert one.recall == pytest.approx(two.precision)
    assert one.f1 == pytest.approx(two.f1) and one.precision != one.recall


def test_a_text_without_tokens_matches_nothing():
    assert greedy_match(text(0, 0), text(4, 1)) == (0, 0, 0)
    assert greedy_match(text(4, 1), text(0, 0)) == (0, 0, 0)


def test_opposite_texts_are_below_zero():
    one = TokenVectors(np.float32([[1, 0]]), np.array([True]))
    two = TokenVectors(np.float32([[-1, 0]]), np.array([True]))
    assert greedy_match(one, two) == (-1, -1, -1)
