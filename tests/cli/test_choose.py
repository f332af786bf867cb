from __future__ import annotations

import pytest

from nutgraf.cli import choose as command
from nutgraf.cli.main import main
from nutgraf.recipes import choose


@pytest.fixture
def asked(monkeypatch):
    """Settings that the command hands over; nothing is trained."""
    found = []
    numbers = {
        "metric": "rouge_mean",
        "mean": 20.0,
        "low": 19.0,
        "high": 21.0,
        "rows": 10,
        "signature": "ROUGE|",
        "parameters": 1000,
        "flops": 1e9,
        "training_tokens_per_second": 100.0,
        "sampling_tokens_per_second": 200.0,
        "peak_memory_mib": 300.0,
        "seconds": 4.0,
        "p_value": None,
    }

    def fake(settings, report, run):
        found.append(settings)
        assert run(len, "abc") == 3  # in another process
        return {name: dict(numbers) for name in settings.models}

    monkeypatch.setattr(choose, "choose", fake)
    return found


def test_flags_become_the_settings_and_a_table_is_printed(asked, capsys, tmp_path):
    flags = ["--models", "transformer,lstm", "gru", "--match", "flops"]
    flags += ["--model.size", "tiny", "--training.epochs", "3", "--out", str(tmp_path)]
    assert command.run(flags) == 0
    (settings,) = asked
    assert settings.models == ("transformer", "lstm", "gru")
    assert (settings.match, settings.model.size) == ("flops", "tiny")
    assert settings.training.epochs == 3
    printed = capsys.readouterr().out
    assert "20.0 [19.0, 21.0]" in printed and "equal flops, 3 epochs" in printed
    assert f"wrote choice.json into {tmp_path}" in printed


def test_mistakes_are_told_without_traceback(asked, capsys):
    assert main(["choose", "--models", "lstm,bert"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "Received: lstm, bert" in error
    assert not asked
