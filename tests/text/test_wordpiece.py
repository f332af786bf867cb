import json

import pytest

from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.text.wordpiece import (
    GOES_ON,
    SPECIAL_TOKENS,
    read_pipeline,
    trained_pipeline,
    write_pipeline,
)

TEXTS = ["The cat sat, the cats ran.", "Naïve cats sat.", "猫坐着。猫跑了。"] * 3


def vocabulary(pieces):
    return json.loads(pieces.to_str())["model"]["vocab"]


def test_training_repeats_and_begins_with_the_special_tokens():
    one, two = (vocabulary(trained_pipeline(iter(TEXTS), 90, True)) for _ in range(2))
    assert one == two
    assert [one[name] for name in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    assert {"the", "cat", "猫"} <= one.keys()


def test_chinese_characters_are_words():
    found = vocabulary(trained_pipeline(TEXTS, 90, True))
    assert not any(GOES_ON + letter in found for letter in "猫坐。")


def test_case_and_accents_are_kept_on_demand():
    pieces = trained_pipeline(TEXTS, 200, lower=False)
    assert pieces.encode("Naïve").tokens == ["Naïve"]
    assert trained_pipeline(TEXTS, 200, True).encode("Naïve").tokens == ["naive"]


@pytest.mark.parametrize("size", [6, 20, 40, 90])
def test_the_size_is_a_limit(size):
    assert trained_pipeline(TEXTS, size, True).get_vocab_size() <= size


@pytest.mark.parametrize("lower", [True, False])
def test_written_and_read_again(tmp_path, lower):
    pieces = trained_pipeline(TEXTS, 90, lower)
    write_pipeline(pieces, tmp_path / "new")
    again = read_pipeline(tmp_path / "new")
    assert again.to_str() == pieces.to_str()
    settings = json.loads((tmp_path / "new" / "tokenizer_config.json").read_text())
    assert settings["do_lower_case"] is lower


def test_what_is_written_works_alone(tmp_path):
    from tokenizers import Tokenizer

    write_pipeline(trained_pipeline(TEXTS, 90, True), tmp_path)
    whole = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    found = whole.encode("the [MASK]", "cat")
    assert found.tokens == ["[CLS]", "the", "[MASK]", "[SEP]", "cat", "[SEP]"]
    assert found.type_ids == [0, 0, 0, 0, 1, 1]


def test_a_list_of_words_is_enough(tmp_path):
    pieces = trained_pipeline(TEXTS, 90, True)
    found = sorted(vocabulary(pieces).items(), key=lambda item: item[1])
    text = "".join(f"{word}\n" for word, _ in found)
    (tmp_path / "vocab.txt").write_text(text, encoding="utf-8")
    assert read_pipeline(tmp_path).to_str() == pieces.to_str()
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert not json.loads(read_pipeline(tmp_path).to_str())["normalizer"]["lowercase"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "which has neither"),
        ("{", "must be a WordPiece tokenizer"),
        ('{"model": {"type": "BPE"}}', "'model': 'BPE'"),
        ("no special tokens", "must hold .PAD.*ids .None"),
        ("added", "added tokens outside"),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    path = tmp_path / "tokenizer.json"
    write_pipeline(trained_pipeline(TEXTS, 90, True), tmp_path)
    state = json.loads(path.read_text("utf-8"))
    if content is None:
        path.unlink()
    elif content == "no special tokens":
        state["added_tokens"] = []
        state["model"]["vocab"] = {"[UNK]": 0, "a": 1}
        path.write_text(json.dumps(state))
    elif content == "added":
        state["added_tokens"].append({**state["added_tokens"][0], "content": "<s>"})
        path.write_text(json.dumps(state))
    else:
        path.write_text(content)
    with pytest.raises(ModelError, match=message):
        read_pipeline(tmp_path)


@pytest.mark.parametrize(
    ("texts", "size", "error", "message"),
    [
        ([], 50, DataError, "Received: none"),
        (["a\ud800"], 50, DataError, "lone surrogates"),
        (["a"], 5, ConfigError, "at least 6"),
    ],
)
def test_mistakes_in_training_are_named(texts, size, error, message):
    with pytest.raises(error, match=message):
        trained_pipeline(texts, size, True)
