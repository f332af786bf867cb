import dataclasses

import pytest

from nutgraf.cli.answer import AnswerSettings
from nutgraf.cli.declared import settings_of
from nutgraf.cli.summarize import SummarizeSettings
from nutgraf.cli.texts import TextSettings, read_items
from nutgraf.cli.translate import TranslateSettings
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.errors import ConfigError

COMMANDS = (SummarizeSettings, TranslateSettings, AnswerSettings)


@pytest.mark.parametrize("cls", COMMANDS)
def test_each_command_has_the_settings_of_all_with_their_help(cls):
    declared = settings_of(cls)
    assert {field.name for field in dataclasses.fields(TextSettings)} <= set(declared)
    assert all(setting.help for setting in declared.values())


@pytest.mark.parametrize("cls", COMMANDS)
def test_settings_out_of_range_are_told_together(cls):
    with pytest.raises(ConfigError) as caught:
        cls(model="starter", beams=0, min_length=-1)
    assert str(caught.value).count("Received: ") == 2


def test_plain_texts_and_rows_become_items(tmp_path):
    (tmp_path / "a.txt").write_text("今天天气很好。")
    (tmp_path / "a.jsonl").write_text('{"document": "Text.", "n": 1}\n')
    items = []
    for name in ("a.txt", "a.jsonl"):
        settings = SummarizeSettings(files=(tmp_path / name,))
        items += read_items(settings, BadRowLog("fail"))
    assert [item.row.document for item in items] == ["今天天气很好。", "Text."]
    assert [item.record for item in items] == [None, {"document": "Text.", "n": 1}]
