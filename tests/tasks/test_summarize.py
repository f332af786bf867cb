import numpy as np

from nutgraf.data.rows import Row
from nutgraf.metrics.rouge import rouge
from nutgraf.tasks.summarize import SUMMARIZE

ROWS = [
    Row("1", "It was late. The cat sat on a mat.", ("The cat sat.\nIt was late.",)),
    Row("2", "今天天气很好。我们出去。", ("今天天气好。",)),
]


def test_the_scores_are_those_of_rouge():
    texts = ["It was late.\nThe cat sat.", "今天天气很好。"]
    for words in ("english", "cjk"):
        found = SUMMARIZE.score(ROWS, texts, words)
        expected = rouge(texts, [row.references for row in ROWS], words=words)
        for kind, values in expected.items():
            np.testing.assert_allclose(found.statistics[kind].values, values)
        assert f"words:{words}" in found.signature


def test_the_baselines_are_beginnings():
    found = SUMMARIZE.baselines(ROWS, "cjk")
    assert found["first sentence"] == ["It was late.", "今天天气很好。"]
    assert found["first ten words"][1] == "今天天气很好。我们出"
