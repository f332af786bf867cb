from __future__ import annotations

import json
import shutil
import sys
from types import SimpleNamespace

import keras
import pytest

from nutgraf.cli import doctor
from nutgraf.errors import ModelError
from nutgraf.models.checkpoint import starter_folder


@pytest.fixture
def checked(monkeypatch):
    """Let the check of a model folder find the given problems."""

    def replace(problems):
        module = SimpleNamespace(check_folder=lambda path: problems)
        monkeypatch.setitem(sys.modules, "nutgraf.models.checkpoint", module)

    return replace


def test_facts_name_versions_backend_and_machine():
    found = doctor.facts()
    assert found["keras"] == keras.__version__
    assert found["backend"].startswith(keras.backend.backend() + " ")
    assert "CPU" in found["devices"]
    assert found["cores"][0].isdigit()
    assert "GiB" in found["memory"]
    assert "GiB free" in found["cache"]


def test_a_whole_model_folder(checked, tmp_path, capsys):
    checked([])
    assert doctor.run([str(tmp_path)]) == 0
    assert "whole, can be loaded" in capsys.readouterr().out


def test_problems_are_listed_and_give_one(checked, tmp_path, capsys):
    checked(["config.json [broken]", "no weights"])
    assert doctor.run([str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert "problem: config.json [broken]" in text
    assert "problem: no weights" in text


def test_the_starter_has_its_name(capsys):
    assert doctor.run(["starter"]) == 0
    assert "starter: whole, can be loaded" in capsys.readouterr().out


def test_a_starter_with_a_layer_too_few(tmp_path, capsys):
    copy = tmp_path / "m"
    shutil.copytree(starter_folder(), copy)
    config = json.loads((copy / "config.json").read_text())
    config["model"]["decoder_layers"] = 3
    (copy / "config.json").write_text(json.dumps(config))
    assert doctor.run([str(copy)]) == 1
    assert "problem: " in (text := capsys.readouterr().out)
    assert "must hold `decoder_2/" in text and "can be loaded" not in text


def test_a_model_that_is_no_folder(tmp_path):
    with pytest.raises(ModelError, match="must be a folder"):
        doctor.run([str(tmp_path / "none")])


def test_a_backend_that_is_not_there_is_a_problem(monkeypatch, capsys):
    def fail():
        raise ImportError("No module named 'jax'")

    monkeypatch.setattr(doctor, "load_backend", fail)
    assert doctor.run([]) == 1
    assert "cannot be used: No module named 'jax'" in capsys.readouterr().out
