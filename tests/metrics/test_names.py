from nutgraf.metrics.names import LABELS, METRICS
from nutgraf.tasks.names import TASKS


def test_every_metric_has_a_label_of_its_own():
    assert tuple(LABELS) == METRICS
    assert len(set(LABELS.values())) == len(METRICS)


def test_every_metric_belongs_to_a_task():
    scored = [task.score([], [], "english").statistics for task in TASKS.values()]
    assert {name for one in scored for name in one} == set(METRICS)
