import pickle

import pytest

from nutgraf.rewards.faithfulness import FaithfulnessPenalty

SOURCE = "rome, 1 may: the shop of anna sold 1,000 cakes."


def test_by_hand():
    texts = [
        "",
        "It sold many cakes.",
        "Cakes are sold by Anna.",
        "In Paris Anna sold 1000.",  # Paris of three
        "It sold 2000 cakes in Paris.",  # both
    ]
    found = FaithfulnessPenalty()([SOURCE] * 5, texts, [[]] * 5)
    assert found == [0.0, 0.0, 0.0, pytest.approx(-1 / 3), -1.0]
    assert str(found[2]) == "0.0"


def test_the_source_is_faithful_to_itself():
    source = "Anna Karina, 79, left Paris. The U.S. paid $1,000.50 to O'Neil's firm."
    assert FaithfulnessPenalty()([source], [source], [[]]) == [0.0]


def test_pickles():
    assert pickle.loads(pickle.dumps(FaithfulnessPenalty())) == FaithfulnessPenalty()
