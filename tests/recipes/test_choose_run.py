import sys
from pathlib import Path

import pytest

from nutgraf.recipes import choose_run
from nutgraf.recipes.choose_run import plan_sizes
from nutgraf.recipes.choose_settings import ChooseSettings, CommonSettings
from nutgraf.testing.toys import toy_rows


def test_sizes_follow_from_the_rows(monkeypatch):
    """FLOPs are matched at the lengths of these rows, cut as the model cuts them."""
    asked = []

    def choose_sizes(settings, vocabulary_size, source, target):
        asked.append((vocabulary_size, source, target))
        return {}

    monkeypatch.setattr(choose_run, "load_split", lambda *_: iter(toy_rows(50)))
    monkeypatch.setattr(choose_run, "choose_sizes", choose_sizes)
    common = CommonSettings(vocabulary_size=330, max_source=16, max_target=12)
    settings = ChooseSettings(models=("lstm",), model=common)
    assert plan_sizes(settings, print) == {}
    ((vocabulary, source, target),) = asked
    assert vocabulary <= 330
    assert source == 16.0  # documents of twenty words are cut
    assert 5 <= target <= 9  # four words of one or two pieces, and the end


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_peak_memory_is_that_of_this_process():
    status = Path("/proc/self/status").read_text()
    now = int(status.split("VmRSS:")[1].split()[0]) / 1024
    assert choose_run._peak_memory() >= now > 10
