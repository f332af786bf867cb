"""A process killed while it writes leaves the old content or the new, never half."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from nutgraf.files import atomic_file, atomic_folder, write_json, write_text

HOLD = 30  # seconds the writer would stay; it is killed long before


def killed_while(folder, program):
    """Run a program on `folder`, kill -9 it when it says so, return what was left."""
    code = "import sys, time\nfrom pathlib import Path\nfolder = Path(sys.argv[1])\n"
    code += textwrap.dedent(program)
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout.readline() == "now\n"
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(timeout=HOLD) == -signal.SIGKILL
    finally:
        writer.kill()
        writer.stdout.close()
        writer.wait()
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


HALF_A_FOLDER = f"""
from nutgraf.files import atomic_folder
with atomic_folder(folder / "model") as part:
    (part / "weights").write_text("new")
    print("now", flush=True)
    time.sleep({HOLD})
    (part / "config").write_text("new")
"""


def test_killed_inside_a_folder_leaves_the_old_one(tmp_path):
    with atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("old")
    assert killed_while(tmp_path, HALF_A_FOLDER) == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == "old"


def test_killed_inside_a_first_folder_leaves_none(tmp_path):
    assert killed_while(tmp_path, HALF_A_FOLDER) == []


def test_after_a_kill_the_folder_can_be_written(tmp_path):
    killed_while(tmp_path, HALF_A_FOLDER)
    with atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("whole")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["weights"]


def test_killed_before_the_rename_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "log.json", "old")
    left = killed_while(
        tmp_path,
        f"""
        import nutgraf.files

        def hold(path):
            print("now", flush=True)
            time.sleep({HOLD})

        nutgraf.files._sync = hold
        nutgraf.files.write_text(folder / "log.json", "new")
        """,
    )
    assert left == ["log.json"]
    assert (tmp_path / "log.json").read_text() == "old"


def test_an_error_inside_a_folder_leaves_the_old_one_and_no_litter(tmp_path):
    with atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("old")
    with pytest.raises(RuntimeError, match="stop"):
        with atomic_folder(tmp_path / "model") as part:
            (part / "weights").write_text("new")
            raise RuntimeError("stop")
    assert os.listdir(tmp_path) == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == "old"


def test_a_new_folder_replaces_the_old_one_as_a_whole(tmp_path):
    for name in ("first", "second"):
        with atomic_folder(tmp_path / "deep" / "model") as part:
            (part / name).mkdir()
            (part / name / "file").write_text(name)
    assert os.listdir(tmp_path / "deep") == ["model"]
    assert os.listdir(tmp_path / "deep" / "model") == ["second"]


def test_json_is_written_whole_as_utf8_and_nan_is_refused(tmp_path):
    path = tmp_path / "deep" / "card.json"
    write_json(path, {"name": "Zürich 摘要"})
    assert path.read_text(encoding="utf-8") == '{\n "name": "Zürich 摘要"\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})
    assert path.read_text(encoding="utf-8") == '{\n "name": "Zürich 摘要"\n}\n'
    assert os.listdir(tmp_path / "deep") == ["card.json"]


HALF_A_FILE = f"""
from nutgraf.files import atomic_file
with atomic_file(folder / "rows.jsonl") as part:
    part.write("new")
    part.flush()
    print("now", flush=True)
    time.sleep({HOLD})
"""


def test_killed_inside_a_file_leaves_the_old_one(tmp_path):
    with atomic_file(tmp_path / "rows.jsonl") as part:
        part.write("öld")
    assert killed_while(tmp_path, HALF_A_FILE) == ["rows.jsonl"]
    assert (tmp_path / "rows.jsonl").read_text("utf-8") == "öld"


def test_an_error_inside_a_file_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "rows.jsonl") as part:
        part.write("new")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
