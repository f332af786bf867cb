import re

import pytest

from nutgraf.rl.live import line_of, live_display


def test_a_line_shows_what_there_is():
    record = {
        "time/tokens_per_second": 2104.4,
        "reward/mean": 0.2141,
        "policy/kl_to_start": 0.0129,
        "sample/length": 11.25,
        "policy/entropy": 3.0,
    }
    assert line_of(record) == "reward 0.214  KL 0.013  length 11.2  2,104 tokens/s"
    assert line_of({"loss/supervised": 2.5}) == "loss 2.500"
    assert line_of({}) == ""


def test_a_pipe_gets_a_line_every_twentieth_with_running_means(capsys):
    with live_display("RL", 40) as watch:
        for update in range(1, 41):
            watch(update, {"reward/mean": float(update > 1)})
    lines = [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 20
    assert lines[0] == "RL 2/40 reward 0.100"  # 0 + 0.1 · (1 - 0)
    assert lines[1] == f"RL 4/40 reward {1 - 0.9**3:.3f}"
    assert lines[-1] == f"RL 40/40 reward {1 - 0.9**39:.3f}"


def test_a_run_that_goes_on_counts_from_where_it_was(capsys):
    with live_display("RL", 40, done=37) as watch:
        for update in (38, 39, 40):
            watch(update, {"reward/mean": 0.5})
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["RL 38/40 reward 0.500", "RL 40/40 reward 0.500"]


def test_on_a_narrow_terminal_counts_and_times_stay_whole(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    record = {
        "reward/mean": 0.214,
        "policy/kl_to_start": 0.0132,
        "sample/length": 11.2,
        "time/tokens_per_second": 2104.0,
    }
    with live_display("grpo", 4000, 200) as watch:
        watch(201, record)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "…" not in shown
    assert max(len(line) for line in re.split(r"[\r\n]", shown)) <= 80
    for part in (" 201/4000 ", "reward 0.214  KL 0.013", "2,104", "tokens/s"):
        assert part in shown
    assert re.search(r" \d:\d\d:\d\d left (-:--:--|\d+:\d\d:\d\d)", shown)


def test_what_is_raised_inside_comes_out(capsys):
    with pytest.raises(KeyboardInterrupt), live_display("RL", 40):
        raise KeyboardInterrupt
