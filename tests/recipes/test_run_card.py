import json
from dataclasses import dataclass

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.recipes.run_card import (
    plain,
    refuse_other_rows,
    refuse_other_settings,
    rows_name,
    run_card,
)


@dataclass(frozen=True)
class Guard:
    on: str = "warn"


@dataclass(frozen=True)
class Fake:
    bounds: tuple[int, ...] = (1, 2)
    out: str = "runs"
    guard: Guard = Guard()


def test_settings_are_as_json_gives_them_back():
    assert plain(Fake()) == {
        "bounds": [1, 2],
        "out": "runs",
        "guard": {"on": "warn"},
    }


def test_a_card_can_be_written(policy):
    card = json.loads(json.dumps(run_card(Fake(), policy, "rows")))
    assert card["settings"] == plain(Fake())
    assert {"nutgraf", "keras", "backend"} <= set(card["versions"])
    assert card["weights"] == policy.model.count_params()
    assert card["model"]["width"] == policy.model.config.width


@pytest.mark.parametrize(
    "change", [{"document": "b"}, {"references": ("b",)}, {"starts": (3,)}]
)
def test_the_name_of_rows_changes_with_what_they_hold(change):
    row = Row("1", "a", ("a",), "file:1", (0,))
    assert rows_name([row]) == rows_name([row._replace(origin="other:1")])
    assert rows_name([row]) != rows_name([row._replace(**change)])


def test_only_a_run_with_a_checkpoint_is_bound_to_its_rows_and_settings(tmp_path):
    card = {"data": "a", "settings": plain(Fake())}
    (tmp_path / "run.json").write_text(json.dumps(card))
    refuse_other_rows(tmp_path, "b")
    refuse_other_settings(tmp_path, Fake((3,)))
    checkpoint = tmp_path / "checkpoints" / "step-00000001"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state.json").write_text("{}")
    refuse_other_rows(tmp_path, "a")
    with pytest.raises(ConfigError, match="started with, a. Received: b"):
        refuse_other_rows(tmp_path, "b")
    refuse_other_settings(tmp_path, Fake(out="elsewhere", guard=Guard("stop")))
    with pytest.raises(ConfigError, match=r"bounds = \[1, 2\]. Rec.*\[3\]"):
        refuse_other_settings(tmp_path, Fake((3,)))
