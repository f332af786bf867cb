import numpy as np
import pytest

from nutgraf.rewards.references import against_references


def test_only_texts_with_references_are_scored():
    seen = []

    def metric(texts, references):
        seen.append((texts, references))
        return np.array([25.0, 100.0])

    found = against_references(metric, ["a", "b", "c"], [["x"], [], ("y", "z")])
    assert found == [0.25, None, 1.0]
    assert seen == [(["a", "c"], [["x"], ("y", "z")])]
    assert [type(value) for value in found] == [float, type(None), float]


def test_a_metric_that_loses_a_row_is_noticed():
    with pytest.raises(ValueError, match="argument"):
        against_references(lambda texts, references: [1.0], ["a", "b"], [["x"]] * 2)
