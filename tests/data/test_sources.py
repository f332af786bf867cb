import dataclasses
import json
import os

import pytest

from nutgraf.data import sources
from nutgraf.data.cache import build_cache
from nutgraf.data.near_duplicates import fingerprint
from nutgraf.data.sources import DataSettings, data_name, load_split
from nutgraf.errors import ConfigError, DataError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    records = [{"text": f"Text {n}.", "head": f"Head {n}"} for n in range(5)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def settings(file):
    return DataSettings(
        source="files", train=str(file), source_field="text", target_field="head"
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
    settings.require("train")
    with pytest.raises(ConfigError, match="Add `--data.valid FILE`"):
        settings.require("train", "valid")
    DataSettings().require("train", "valid")


def test_the_first_rows_can_be_enough(file):
    few = DataSettings(
        "files",
        train=str(file),
        source_field="text",
        target_field="head",
        max_rows=2,
    )
    assert len(list(load_split(few, "train"))) == 2


def test_wrong_names_are_refused(settings):
    with pytest.raises(ConfigError, match="train, valid, test. Received: 'dev'"):
        list(load_split(settings, "dev"))
    with pytest.raises(ConfigError, match="Received: 'web'"):
        DataSettings(source="web")
    with pytest.raises(ConfigError, match=r"data\.bad_rows must be .*'drop'"):
        DataSettings("files", bad_rows="drop")
    with pytest.raises(ConfigError, match=r"must be an integer >= 0\. .*max_rows=-1"):
        DataSettings(max_rows=-1)


@pytest.mark.parametrize(
    ("source", "setting", "reader"),
    [
        ("cnn_dailymail", {"source_field": "article"}, "files"),
        ("cnn_dailymail", {"roots": ("site",)}, "docstrings"),
        ("docstrings", {"bad_rows": "skip"}, "files"),
        ("docstrings", {"target_field": "head"}, "files"),
        ("docstrings", {"question_field": "q"}, "files"),
        ("docstrings", {"train": "rows.jsonl"}, "files"),
        ("docstrings", {"path": "copy"}, "cnn_dailymail"),
        ("files", {"path": "copy"}, "cnn_dailymail"),
    ],
)
def test_what_the_source_does_not_read_is_refused(source, setting, reader):
    ((name, value),) = setting.items()
    message = rf"^The source {source} reads .* Received: data\.{name}="
    with pytest.raises(ConfigError, match=message) as error:
        DataSettings(source, **setting)
    assert str(error.value).endswith(f"set data.source to {reader}.")
    DataSettings(reader, **setting)


def test_the_name_changes_with_settings_and_files(settings, file):
    name = data_name(settings)
    assert data_name(settings) == name
    assert data_name(DataSettings("files", train=str(file))) != name
    file.write_text(file.read_text() + "\n")
    assert data_name(settings) != name
    file.unlink()
    with pytest.raises(DataError, match="must exist"):
        data_name(settings)


def test_a_copy_of_the_same_files_has_the_same_name(settings, file):
    """As where data are downloaded or mounted anew: a run must go on there."""
    name, content = data_name(settings), file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    os.utime(file, ns=(1, 1))
    assert data_name(settings) == name
    before = file.stat()
    file.write_bytes(content.replace(b"Text 1", b"Text 7"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data_name(settings) != name


def write_copy(folder, text):
    """A copy of CNN/DailyMail whose names begin with `news`."""
    for split in ("train", "valid"):
        record = {"id": split, "document": text, "summary": text}
        (folder / f"news.{split}.jsonl").write_text(json.dumps(record))


def write_stories(folder, text):
    """The same as `.story` files, with a list of addresses."""
    (folder / "stories").mkdir(exist_ok=True)
    for number in range(20):
        story = f"{text} {number}\n\n@highlight\n\n{text}"
        (folder / "stories" / f"n{number}.story").write_text(story)


@pytest.mark.parametrize(
    ("write", "name"), [(write_copy, "news"), (write_copy, "."), (write_stories, ".")]
)
def test_a_changed_file_of_a_copy_makes_the_token_cache_anew(
    write, name, tmp_path, tokenizer
):
    folder = tmp_path / "data"
    folder.mkdir()
    settings = DataSettings("cnn_dailymail", path=str(folder / name))

    def sources():
        rows = load_split(settings, "train")
        args = tokenizer, tmp_path / "cache", 30, 30
        cache = build_cache(rows, *args, f"{data_name(settings)}|train")
        return [cache.source(index).tolist() for index in range(len(cache))]

    write(folder, "It rains")
    before = data_name(settings), sources()
    assert (data_name(settings), sources()) == before
    write(folder, "It snows all day")
    name, found = data_name(settings), sources()
    assert name != before[0]
    assert found and found != before[1]
    write(folder, "It rains")
    assert sources() == before[1]


def test_a_changed_list_of_addresses_changes_the_name(tmp_path):
    write_stories(tmp_path, "It rains")
    settings = DataSettings("cnn_dailymail", path=str(tmp_path))
    names = [data_name(settings)]
    (tmp_path / "url_lists").mkdir()
    for text in ("http://a", "http://a http://b"):
        (tmp_path / "url_lists" / "all_val.txt").write_text(text)
        names.append(data_name(settings))
    assert len(set(names)) == 3


def test_a_changed_docstring_changes_the_name(packages):
    names = [data_name(DataSettings()), data_name(DataSettings())]
    rows = {row.id: row for row in load_split(DataSettings(), "train")}
    path = packages / f"{next(iter(rows))[:-1]}.py"
    path.write_text(path.read_text().replace("Tell", "Now tell"))
    names.append(data_name(DataSettings()))
    assert names[0] == names[1] != names[2]


def test_skipped_rows_are_reported_once_the_rows_are_read(file, settings):
    with file.open("a") as opened:
        opened.write('{"text": "Without head."}\n')
    lines = []
    skipping = dataclasses.replace(settings, bad_rows="skip")
    assert len(list(load_split(skipping, "train", lines.append))) == 5
    assert len(lines) == 1
    assert lines[0].startswith("left out 1 bad row among the first 6 rows:\n")
    assert f"{file}:6: the field `head` is missing" in lines[0]
    list(load_split(dataclasses.replace(skipping, max_rows=2), "train", lines.append))
    assert len(lines) == 1
    with pytest.warns(UserWarning, match="left out 1 bad row"):
        list(load_split(skipping, "train"))
    with pytest.raises(DataError, match=r'set data\.bad_rows to "skip" to leave'):
        list(load_split(settings, "train", lines.append))


def test_the_setting_that_names_a_column_is_told(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,head\na,b\n")
    settings = DataSettings("files", train=str(path))
    with pytest.raises(DataError, match=r"^data\.source_field must name a column"):
        list(load_split(settings, "train"))


def test_skipped_rows_of_a_copy_are_reported(tmp_path):
    write_copy(tmp_path, "It rains.")
    with (tmp_path / "news.train.jsonl").open("a") as opened:
        opened.write('\n{"document": "", "summary": "x"}\n')
    given = {"source": "cnn_dailymail", "path": str(tmp_path / "news")}
    settings, lines = DataSettings(**given, bad_rows="skip"), []
    assert len(list(load_split(settings, "train", lines.append))) == 1
    assert "left out 1 bad row" in lines[0] and "`document` is empty" in lines[0]
    with pytest.raises(DataError, match=r'set data\.bad_rows to "skip" to leave'):
        list(load_split(DataSettings(**given), "train"))


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
