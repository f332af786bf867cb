"""docs/rewards.md: its examples run, and its table holds every reward."""

import doctest
import json
import re
from pathlib import Path

import pytest

from nutgraf.rewards.registry import PARTS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in TEXT.splitlines()
    if line.startswith("| `")
    and len(cells := [cell.strip() for cell in line.strip("|").split(" | ")]) == 7
}


def test_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.DocTestParser().get_doctest(TEXT, {}, "rewards.md", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    assert len(found.examples) > 30
    assert runner.run(found).failed == 0


def test_the_table_holds_every_part():
    assert list(ROWS) == list(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_a_row_says_what_the_registry_says(name):
    kind, _, limits, needs, _, hack = ROWS[name]
    part = PARTS[name]
    assert kind.strip("`") == part.where.replace(":", ".")
    assert limits == part.range
    assert needs == ("yes" if part.references else "no")
    assert hack


def test_costs_are_those_measured():
    file = ROOT / "benchmarks" / "results" / "rewards.json"
    measured = json.loads(file.read_text("utf-8"))["cpu_seconds_per_1000_texts"]
    assert {name: float(row[4]) for name, row in ROWS.items()} == {
        name: round(cost, 2) for name, cost in measured.items()
    }


def test_every_class_of_composition_is_there():
    for name in re.findall(r"^\| `(\w+\.\w+)` \|", TEXT, flags=re.MULTILINE):
        module, _, kind = name.partition(".")
        file = ROOT / "nutgraf" / "rewards" / f"{module}.py"
        assert f"class {kind}" in file.read_text("utf-8")
