import builtins
import json
import math
import re

import pytest

from nutgraf.errors import RunError
from nutgraf.training.log import (
    MetricsLog,
    check_finite,
    progress_bar,
    read_metrics,
)


def test_records_come_back_in_order(tmp_path):
    log = MetricsLog(tmp_path / "run")
    log.write(1, {"train/loss": 2.5})
    log.write(2, {"train/loss": 2.0, "time/seconds": 1})
    log.close()
    assert read_metrics(tmp_path / "run") == [
        {"step": 1, "train/loss": 2.5},
        {"step": 2, "train/loss": 2.0, "time/seconds": 1},
    ]
    assert read_metrics(tmp_path / "other") == []


def test_a_resumed_log_drops_what_is_done_again_and_torn_lines(tmp_path):
    log = MetricsLog(tmp_path)
    for step in (1, 2, 3):
        log.write(step, {"train/loss": float(step)})
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "train/lo')
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 2, 3]
    log = MetricsLog(tmp_path, step=2)
    log.write(3, {"train/loss": 7.0})
    log.close()
    assert [record["train/loss"] for record in read_metrics(tmp_path)] == [1, 2, 7]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_must_stay_finite(value):
    check_finite({"train/loss": 2.5, "train/gradient_norm": 0.0}, 3)
    with pytest.raises(RunError, match=rf"train/loss={value} in update 3\. Start anew"):
        check_finite({"time/update": 1.0, "train/loss": value}, 3)


def test_every_record_is_on_disk_at_once(tmp_path):
    log = MetricsLog(tmp_path)
    log.write(1, {"train/loss": 2.5})
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["train/loss"] == 2.5
    log.close()


def test_tensorboard_events_hold_the_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = MetricsLog(tmp_path)
    log.write(3, {"train/loss": 2.5})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"tensors": 0})
    events.Reload()
    (event,) = events.Tensors("train/loss")
    assert (event.step, event.tensor_proto.float_val[0]) == (3, 2.5)


def test_without_tensorboard_the_log_is_still_written(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    log = MetricsLog(tmp_path)
    log.write(1, {"train/loss": 2.5})
    log.close()
    assert len(read_metrics(tmp_path)) == 1
    assert not (tmp_path / "tensorboard").exists()


def test_progress_without_a_terminal_is_a_few_plain_lines(capsys):
    with progress_bar("training", 100, done=40) as advance:
        for step in range(41, 101):
            advance(1, f"loss {step}")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert re.fullmatch(r"training 45/100 loss 45  0:00:0\d left", lines[0])
    assert lines[-1] == "training 100/100 loss 100"
    assert len(lines) == 12


def test_progress_in_steps_that_meet_no_twentieth_is_told(capsys):
    with progress_bar("writing", 150) as advance:
        for count in (64, 64, 3, 19):
            advance(count, "")
    shown = [" ".join(x.split()[:2]) for x in capsys.readouterr().err.splitlines()]
    assert shown == ["writing 64/150", "writing 128/150", "writing 150/150"]
