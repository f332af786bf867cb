import numpy as np
import pytest

from nutgraf.metrics.readability import reading_ease, syllables


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "the cat make makes looked called times smiles rhythm strength be a e x 7"),
        (
            2,
            "table tables wanted needed happy boxes changes people agree reading",
        ),
        (3, "beautiful example important syllable"),
        (4, "necessary presidential"),
    ],
)
def test_syllables(count, words):
    for word in words.split():
        assert syllables(word) == syllables(word.upper()) == count, word


def test_by_hand():
    # 12 words, 2 sentences; two syllables in "very" alone: 13
    text = "This is a very short text. It is a test of ease."
    words, sentences, spoken = 12, 2, sum(map(syllables, text[:-1].split()))
    expected = 206.835 - 1.015 * words / sentences - 84.6 * spoken / words
    assert spoken == 13
    np.testing.assert_allclose(reading_ease([text]), [expected])


def test_short_words_and_sentences_are_easier():
    easy, hard = reading_ease(
        [
            "The cat sat. The dog ran.",
            "Notwithstanding considerable institutional opposition, "
            "parliamentary representatives unanimously ratified comprehensive "
            "environmental legislation.",
        ]
    )
    assert easy > 100 and hard < 0


def test_no_words():
    assert reading_ease(["", "...", "今天"]).tolist() == [-np.inf] * 3
    assert reading_ease([]).shape == (0,)
