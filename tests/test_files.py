"""A process killed while it writes leaves the old content or the new, never half."""

import os
import platform
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from shutil import rmtree

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
    assert os.listdir(tmp_path) == ["model"]


def at_rename(number):
    """Replace a folder, to be killed before its rename of the number, from 0."""
    return f"""
    import nutgraf.files

    done, replace = [], Path.replace

    def hold(path, target):
        if len(done) == {number}:
            print("now", flush=True)
            time.sleep({HOLD})
        done.append(target)
        return replace(path, target)

    Path.replace = hold
    with nutgraf.files.atomic_folder(folder / "model") as part:
        (part / "weights").write_text("new")
    """


@pytest.mark.parametrize(
    ("number", "seen", "weights"),
    [(0, ["model"], "old"), (1, [], "old"), (2, ["model"], "new")],
)
def test_what_a_kill_at_a_rename_left_is_put_right(number, seen, weights, tmp_path):
    with atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("old")
    assert killed_while(tmp_path, at_rename(number)) == seen
    assert len(os.listdir(tmp_path)) == 2
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "model"):
        raise RuntimeError  # so nothing new is written
    assert os.listdir(tmp_path) == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == weights


def test_a_stop_between_the_renames_puts_the_old_folder_back(tmp_path, monkeypatch):
    with atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("old")
    replace = Path.replace

    def stop(path, target):
        if path.suffix == ".part":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("new")
    assert os.listdir(tmp_path) == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == "old"


def ended_process():
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_others_are_at_work_on_stays(tmp_path):
    here, gone = platform.node().replace(".", "-"), ended_process()
    stay = [
        f".model.{here}.{os.getppid()}.part",  # this process' parent lives
        f".model.{here}.{os.getppid()}.old",
        f".model.other-{here}.{gone}.part",  # who knows what lives there
        f".model.2.{here}.{gone}.part",  # of a folder "model.2"
        f".model.2.{here}.{gone}.old",
        f".models.{here}.{gone}.part",
        ".model.old",
    ]
    for name in [
        *stay,
        f".model.{here}.{gone}.part",
        f".model.{here}.{os.getpid()}.old",
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text(name)
    with atomic_folder(tmp_path / "model") as part:
        (part / "weights").write_text("new")
    assert sorted(os.listdir(tmp_path)) == sorted([*stay, "model"])
    assert all((tmp_path / name / "weights").read_text() == name for name in stay)


@pytest.mark.parametrize(
    ("left", "after"),
    [
        (".model.elsewhere.7.old", "model"),
        (".model.2.elsewhere.7.old", ".model.2.elsewhere.7.old"),  # of "model.2"
    ],
)
def test_an_old_folder_of_another_machine_is_put_back(left, after, tmp_path):
    (tmp_path / left).mkdir()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "model"):
        raise RuntimeError
    assert os.listdir(tmp_path) == [after]


def test_what_is_called_old_is_never_half_removed(tmp_path, monkeypatch):
    removed = []
    monkeypatch.setattr(
        shutil, "rmtree", lambda path, **_: removed.append(path) or rmtree(path)
    )
    here = platform.node().replace(".", "-")
    mine = f".model.{here}.{os.getpid()}"  # a process before had the same number
    for name in ("model", f"{mine}.old", f"{mine}.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text("old")
    with atomic_folder(tmp_path / "model") as part:
        assert sorted(os.listdir(tmp_path)) == [f"{mine}.part", "model"]
        (part / "weights").write_text("new")
    assert [path.name for path in removed] == [f"{mine}.part"] * 3
    assert os.listdir(tmp_path) == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == "new"


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
