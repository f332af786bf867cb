import json
import os
import shutil
import sysconfig
from pathlib import Path

import pytest

from nutgraf.data import docstrings
from nutgraf.data.docstrings import harvest_docstrings, load_docstrings
from nutgraf.data.near_duplicates import fingerprint
from nutgraf.errors import DataError

BODY = "One two three four five six seven eight nine ten eleven twelve thirteen."

MODULE = f'''
raise SystemExit("a harvest must not run this")
"""no docstring: not the first statement"""

class Tree:
    """Hold the branches of a
    growing tree.

    {BODY} Tree.
    """

    async def climb(self):
        """Climb up to the top.

        {BODY} Climb.
            An indented line.
        """

def short():
    """Return nothing of use.

    Too few words.
    """

def one_line():
    """Return the number of leaves that are still green today."""

def copy():
    """Copy a tree with everything.

    {BODY} tree!
    """
'''


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NUTGRAF_CACHE", str(folder))
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    (folder / "forest" / "tests").mkdir(parents=True)
    (folder / "forest" / "__init__.py").write_text(
        f'"""Grow many trees at once.\n\n{BODY} Forest.\n"""\n'
    )
    (folder / "forest" / "tree.py").write_text(MODULE)
    (folder / "forest" / "tests" / "hidden.py").write_text(MODULE)
    (folder / "test_hidden.py").write_text(MODULE)
    (folder / "broken.py").write_text("def (:\n")
    (folder / "binary.py").write_bytes(b'"""\xff\xfe\x00"""')
    return folder


def test_summary_is_the_first_paragraph_and_document_the_rest(root):
    rows = {row.id: row for row in harvest_docstrings([root])}
    tree = rows["forest.tree:Tree"]
    assert tree.references == ("Hold the branches of a growing tree.",)
    assert tree.document == f"{BODY} Tree."
    assert tree.origin == f"{root / 'forest' / 'tree.py'}:5"
    climb = rows["forest.tree:Tree.climb"]
    assert climb.document.endswith("Climb.\n    An indented line.")
    assert rows["forest:"].references == ("Grow many trees at once.",)


def test_rows_without_use_tests_and_repetitions_are_left_out(root):
    # `copy` has the words of Tree's body but for case and marks.
    assert [row.id for row in harvest_docstrings([root])] == [
        "forest.tree:Tree",
        "forest.tree:Tree.climb",
        "forest:",
    ]


def test_the_order_of_files_and_the_cache_change_nothing(root, tmp_path, own_cache):
    first = harvest_docstrings([root])
    assert harvest_docstrings([root]) == first  # from the cache
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in sorted(root.rglob("*.py"), reverse=True):
        place = copy / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    again = harvest_docstrings([copy])
    assert [row[:3] for row in again] == [row[:3] for row in first]
    assert len(list((own_cache / "docstrings").iterdir())) == 2


def test_a_changed_file_is_read_again(root):
    before = harvest_docstrings([root])
    path = root / "forest" / "tree.py"
    path.write_text(MODULE.replace("Climb up", "Jump up"))
    os.utime(path, ns=(0, 0))
    after = harvest_docstrings([root])
    assert {row.references[0] for row in after} - {row.references[0] for row in before}


def test_a_damaged_or_forbidden_cache_does_no_harm(root, own_cache, monkeypatch):
    rows = harvest_docstrings([root])
    kept = next((own_cache / "docstrings").iterdir())
    kept.write_text(json.dumps([[1]]) + "garbage")
    assert harvest_docstrings([root]) == rows
    (own_cache / "file").write_text("")
    monkeypatch.setenv("NUTGRAF_CACHE", str(own_cache / "file"))  # cannot hold folders
    assert harvest_docstrings([root]) == rows


def test_links_to_nowhere_are_left_out_and_hide_no_module(root, tmp_path):
    rows = harvest_docstrings([root])
    first = tmp_path / "first"
    (first / "forest").mkdir(parents=True)
    (first / "forest" / ".#tree.py").symlink_to("me@here.77:88")  # a lock of Emacs
    (first / "forest" / "tree.py").symlink_to("gone.py")
    (first / "round.py").symlink_to("round.py")
    assert harvest_docstrings([first, root]) == rows


def test_a_root_must_be_a_folder(tmp_path):
    with pytest.raises(DataError, match=r"must be a folder\. Received: .*nowhere"):
        harvest_docstrings([tmp_path / "nowhere"])


def test_the_standard_library_is_a_source(tmp_path):
    standard = Path(sysconfig.get_paths()["stdlib"]) / "json"
    shutil.copytree(standard, tmp_path / "lib" / "json")
    rows = {row.id: row for row in harvest_docstrings([tmp_path / "lib"])}
    row = rows["json.decoder:JSONDecoder"]
    assert row.references == ("Simple JSON <https://json.org> decoder",)
    assert row.document.startswith("Performs the following translations in decoding")


def test_the_standard_library_alone_gives_some_2400_rows():
    rows = harvest_docstrings([Path(sysconfig.get_paths()["stdlib"])])
    assert 2000 <= len(rows) <= 3000  # 2,413 of Python 3.11
    assert len({row.document for row in rows}) == len(rows)


def test_default_roots_hold_the_standard_library_and_the_packages():
    roots = docstrings.default_roots()
    assert any((root / "json" / "__init__.py").is_file() for root in roots)
    assert any((root / "numpy" / "__init__.py").is_file() for root in roots)


def made_up(folder, words):
    for number in range(60):
        body = " ".join(f"{words}{number}x{place}" for place in range(20))
        text = f'"""Tell {words} number {number} at last.\n\n{body}\n"""'
        (folder / f"{words}{number}.py").write_text(text)


def test_no_test_row_nearly_repeats_in_training(tmp_path):
    made_up(tmp_path, "word")
    parts = load_docstrings(roots=[tmp_path])
    assert {name: len(rows) > 0 for name, rows in parts.items()} == {
        "train": True,
        "valid": True,
        "test": True,
    }
    victim = parts["test"][0]
    twin = tmp_path / f"{parts['train'][0].id.rstrip(':')}.py"
    source = Path(victim.origin.rpartition(":")[0]).read_text()
    twin.write_text(source.replace("Tell", "Never tell a"))
    less = load_docstrings(roots=[tmp_path])["test"]
    assert [row for row in parts["test"] if row not in less] == [victim]


def test_nor_in_the_training_data_of_a_model(tmp_path):
    roots = tmp_path / "roots"
    roots.mkdir()
    made_up(roots, "leaf")
    test = load_docstrings(roots=[roots])["test"]
    path = tmp_path / "fingerprints.safetensors"
    fingerprint(test[:2]).save(path)
    assert load_docstrings(path, [roots])["test"] == test[2:]
