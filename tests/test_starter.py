"""The starter model that ships: small enough, described, and better than the Leads."""

import json
import math

import pytest
from safetensors import safe_open

from nutgraf.models.checkpoint import check_folder, starter_folder

MOST_WEIGHTS, MOST_BYTES = 6_000_000, 12_000_000
FINGERPRINT_BYTES = 36
"""Per training row, beside the model; see docs/decisions/0004-starter-model.md."""

FOLDER = starter_folder()
FILES = {"card.json", "config.json", "model.safetensors", "tokenizer.json"}


@pytest.fixture(scope="module")
def card():
    return json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))


def test_the_folder_is_whole_and_has_nothing_else():
    assert check_folder(FOLDER) == []
    found = {path.name for path in FOLDER.iterdir()}
    assert found == {*FILES, "fingerprints.safetensors"}


def test_the_model_is_small(card):
    with safe_open(str(FOLDER / "model.safetensors"), framework="numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]
    assert sum(math.prod(shape) for shape in shapes) == card["weights"] <= MOST_WEIGHTS
    assert sum((FOLDER / name).stat().st_size for name in FILES) <= MOST_BYTES
    rows = card["data"]["rows"]
    fingerprints = (FOLDER / "fingerprints.safetensors").stat().st_size
    assert 0 <= fingerprints - FINGERPRINT_BYTES * rows < 1000


def test_the_card_says_what_the_model_is(card):
    assert card["command"].startswith("nutgraf train nutgraf/recipes/configs/starter")
    assert card["seed"] == card["settings"]["training"]["seed"]
    assert 0 < card["hours_wall"] < card["hours_cpu"]  # two cores
    assert card["licence"] == "Apache-2.0"
    assert card["machine"] and card["versions"]["nutgraf"]
    assert {"source", "packages", "licences", "rows", "sha256"} <= set(card["data"])


@pytest.mark.parametrize("search", ["greedy", "beam 4"])
def test_the_scores_are_above_those_of_the_leads(card, search):
    held_out = card["held_out"]
    assert held_out["n"] >= 1000 and held_out["signature"].startswith("ROUGE|f1|")
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum", "rouge_mean"):
        assert held_out[search][name] > held_out["lead"][name], name
