"""docs/rewards.md: its examples run, and its table holds every reward."""

import doctest
import json
import re
from pathlib import Path

import pytest

from nutgraf.rewards.base import score_completions
from nutgraf.rewards.parse import COMPOSED, parse_parts
from nutgraf.rewards.registry import PARTS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8")


def rows_of(columns: int) -> dict[str, list[str]]:
    """Return the rows of the tables with so many columns, by what is in the first."""
    lines = [line for line in TEXT.splitlines() if line.startswith("| `")]
    cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == columns}


ROWS = rows_of(7)
COMPOSITIONS = rows_of(6)


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


def test_the_table_holds_every_composition():
    assert list(COMPOSITIONS) == list(COMPOSED)


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composition_is_what_the_table_says(name):
    kind, value, limits, example, use = COMPOSITIONS[name]
    one = COMPOSED[name]
    assert (kind.strip("`").replace(".", ":"), value) == (one.where, one.description)
    assert limits == one.range and use
    texts = re.findall(r'"(The [^"]+\.)"', TEXT[TEXT.index("The examples are") :])
    first, reference, second = texts[:3]
    written, number = example.split(" is ")
    assert written == f"`{one.example}`"
    found, _ = score_completions(
        parse_parts([one.example]),
        [""] * 2,
        [first, second],
        [[reference]] * 2,
        update=50,
    )
    assert number == f"{found[0]:.3f}"


def test_the_other_classes_are_there():
    for module, kind in re.findall(r"`([a-z]+)\.([A-Z]\w+)`", TEXT):
        file = ROOT / "nutgraf" / "rewards" / f"{module}.py"
        assert f"class {kind}" in file.read_text("utf-8")
