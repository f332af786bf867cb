"""Fetch the packages whose docstrings train the starter model.

    python tools/starter_data.py [FOLDER]

Downloads the wheels that requirements/starter-data.txt names, keeps their Python files
in FOLDER/site (by default runs/starter-data). Nothing is installed or run. A wheel
that is there is not fetched again.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "requirements/starter-data.txt"
TARGET = ["--python-version", "3.12", "--implementation", "cp"]
TARGET += ["--abi", "cp312", "--abi", "abi3", "--abi", "none", "--platform", "any"]
for _glibc in ("2014", "_2_17", "_2_24", "_2_27", "_2_28"):
    TARGET += ["--platform", f"manylinux{_glibc}_x86_64"]


def fetch(requirement: str, folder: Path) -> bool:
    """Download one wheel; say whether it is there."""
    name = requirement.split("==")[0].lower().replace("-", "_").replace(".", "_")
    version = requirement.split("==")[1]
    for wheel in folder.glob("*.whl"):
        parts = wheel.name.split("-")
        if (parts[0].lower().replace(".", "_"), parts[1]) == (name, version):
            return True
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "-d", str(folder), *TARGET, requirement]
    return subprocess.run(command, check=False).returncode == 0


def unpack(wheel: Path, site: Path) -> int:
    """Keep the Python files of a wheel; return how many."""
    count = 0
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            name = item.filename
            if not name.endswith(".py"):
                continue
            if ".data/" in name:
                _, found, name = name.partition("lib/")
                if not found:
                    continue
            path = site / name
            if not path.resolve().is_relative_to(site.resolve()):
                continue  # a name that would leave the folder
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(item))
            count += 1
    return count


def main() -> int:
    """Fetch all, unpack all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/starter-data")
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    lines = LIST.read_text(encoding="utf-8").splitlines()
    wanted = [line.strip() for line in lines if line.strip() and line[0] != "#"]
    missing = []
    for number, requirement in enumerate(wanted, 1):
        print(f"[{number}/{len(wanted)}] {requirement}", flush=True)
        if not fetch(requirement, wheels):
            missing.append(requirement)
    files = sum(
        unpack(wheel, folder / "site") for wheel in sorted(wheels.glob("*.whl"))
    )
    print(f"{files:,} Python files in {folder / 'site'}")
    if missing:
        print(f"could not be fetched: {', '.join(missing)}", file=sys.stderr)
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
