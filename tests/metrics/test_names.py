from nutgraf.data.rows import Row
from nutgraf.evaluation.score import score_texts
from nutgraf.metrics.names import LABELS, METRICS


def test_every_metric_has_a_label_of_its_own():
    assert tuple(LABELS) == METRICS
    assert len(set(LABELS.values())) == len(METRICS)


def test_every_metric_is_scored():
    scored = score_texts([Row("1", "A cat sat.", ("A cat.",))], ["A cat."])
    assert tuple(scored.means()) == METRICS
