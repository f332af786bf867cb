"""Every config that ships is read with the declaration of its command."""

from __future__ import annotations

from pathlib import Path

import pytest

import nutgraf.recipes.settings as declarations
from nutgraf.cli.config import load_settings

CONFIGS = sorted(Path(declarations.__file__).parent.glob("configs/*.toml"))


def test_there_are_configs():
    assert len(CONFIGS) >= 4


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_fits_its_declaration(path):
    is_rl = "-rl" in path.stem
    kind = declarations.ImproveSettings if is_rl else declarations.TrainSettings
    settings = load_settings(kind, [str(path)], prog="nutgraf", description="")
    assert settings.out.startswith("runs/")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_says_how_it_is_run(path):
    assert path.read_text("utf-8").startswith("# ")
    assert "Run:" in path.read_text("utf-8") or "run it" in path.read_text("utf-8")
