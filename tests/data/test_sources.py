import json

import pytest

from nutgraf.data import sources
from nutgraf.data.near_duplicates import fingerprint
from nutgraf.data.sources import DataSettings, data_name, load_split
from nutgraf.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    records = [{"text": f"Text {n}.", "head": f"Head {n}"} for n in range(5)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def settings(file):
    return DataSettings(
        source="files", train=str(file), document_field="text", summary_field="head"
    )


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Made-up modules in place of the installed ones."""
    monkeypatch.setenv("NUTGRAF_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "packages"
    root.mkdir()
    for number in range(60):
        body = " ".join(f"word{number}x{place}" for place in range(20))
        text = f'"""Tell the story number {number} now.\n\n{body}\n"""'
        (root / f"module{number}.py").write_text(text)
    monkeypatch.setattr("nutgraf.data.docstrings.default_roots", lambda: [root])
    return root


def test_files_give_the_rows_of_their_split(settings):
    rows = list(load_split(settings, "train"))
    assert [row.references[0] for row in rows] == [f"Head {n}" for n in range(5)]
    with pytest.raises(ConfigError, match=r"data\.test must name a file"):
        list(load_split(settings, "test"))


def test_the_first_rows_can_be_enough(file):
    few = DataSettings(
        "files",
        train=str(file),
        document_field="text",
        summary_field="head",
        max_rows=2,
    )
    assert len(list(load_split(few, "train"))) == 2


def test_wrong_names_are_refused(settings):
    with pytest.raises(ConfigError, match="train, valid, test. Received: 'dev'"):
        list(load_split(settings, "dev"))
    with pytest.raises(ConfigError, match="Received: 'web'"):
        list(load_split(DataSettings(source="web"), "train"))


def test_the_name_changes_with_settings_and_files(settings, file):
    name = data_name(settings)
    assert data_name(settings) == name
    assert data_name(DataSettings("files", train=str(file))) != name
    file.write_text(file.read_text() + "\n")
    assert data_name(settings) != name


def test_docstrings_come_in_three_splits(packages):
    every = [
        row.id
        for split in ("train", "valid", "test")
        for row in load_split(DataSettings(), split)
    ]
    assert sorted(every) == sorted(f"module{number}:" for number in range(60))


def test_what_the_shipped_model_was_trained_on_is_no_test_row(
    packages, tmp_path, monkeypatch
):
    path = tmp_path / "fingerprints.safetensors"
    monkeypatch.setattr(sources, "STARTER_FINGERPRINTS", path)
    test = list(load_split(DataSettings(), "test"))
    fingerprint(test[1:3]).save(path)
    assert list(load_split(DataSettings(), "test")) == [test[0], *test[3:]]


def test_a_copy_of_cnn_dailymail(tmp_path):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "x.story").write_text("Text.\n\n@highlight\n\nShort.")
    settings = DataSettings(source="cnn_dailymail", path=str(tmp_path))
    assert [row.id for row in load_split(settings, "test")] == ["x"]
