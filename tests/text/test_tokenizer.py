"""Byte-level BPE: lossless, distinct special tokens, files that can be trusted."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.text.tokenizer import FILE_NAME, Tokenizer

TEXTS = [
    "Return the mean of the values along the given axis.",
    "Return the sum of the values; the axis must be given.\n    Indented line.",
    "<eos> <eos> <pad> <bos> <eos>",
    "今天天气很好。今天天气不好。",
    "naïve café 🙂🙂 \x00\x07",
] * 3
TOKENIZER = Tokenizer.train(TEXTS, 400)
unicode_text = st.text(st.characters(exclude_categories=["Cs"]))


@given(unicode_text)
@settings(max_examples=200, deadline=None)
def test_decoding_gives_back_any_text(text):
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert all(id_ > TOKENIZER.eos_id for id_ in ids)


@given(st.lists(unicode_text, max_size=5))
@settings(max_examples=50, deadline=None)
def test_batches_equal_single_calls(texts):
    batch = TOKENIZER.encode_batch(texts)
    assert batch == [TOKENIZER.encode(text) for text in texts]
    assert TOKENIZER.decode_batch(batch) == texts


@given(st.lists(st.integers(3, TOKENIZER.vocabulary_size - 1)))
@settings(max_examples=100, deadline=None)
def test_any_ids_give_a_text_that_can_be_encoded(ids):
    text = TOKENIZER.decode(ids)
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_special_ids_are_distinct_and_fixed():
    ids = (TOKENIZER.pad_id, TOKENIZER.bos_id, TOKENIZER.eos_id)
    assert ids == (0, 1, 2)
    assert [TOKENIZER.token(id_) for id_ in ids] == ["<pad>", "<bos>", "<eos>"]


@pytest.mark.parametrize("text", ["<eos>", "a<eos>b", " <pad>", "<bos><eos>\n<pad>"])
def test_literal_special_tokens_stay_text(text):
    ids = TOKENIZER.encode(text)
    assert min(ids) > 2
    assert TOKENIZER.decode(ids) == text


def test_decode_stops_at_first_end_and_drops_pad_and_bos():
    the, axis = TOKENIZER.encode("the"), TOKENIZER.encode(" axis")
    assert TOKENIZER.decode([1, *the, 0, *axis, 2, *the, 2]) == "the axis"
    array = np.array([[1, *the, 2, 0], [2, *the, 0, 0]], dtype=np.int32)
    assert TOKENIZER.decode_batch(array) == ["the", ""]


def test_decode_rejects_unknown_ids():
    for bad in (-1, TOKENIZER.vocabulary_size):
        with pytest.raises(DataError, match=f"Received: {bad}"):
            TOKENIZER.decode([bad])


def test_pieces_are_learned_and_shown():
    assert len(TOKENIZER.encode(" the values")) < len(" the values") / 2
    id_ = TOKENIZER.encode(" values")[0]
    assert TOKENIZER.token(id_).startswith(" ")
    part = Tokenizer.train(["ab"], 300).encode("猫")[0]
    assert "\ufffd" not in TOKENIZER.token(part)


def test_vocabulary_respects_the_limit_and_small_corpora_give_less():
    assert Tokenizer.train(TEXTS, 300).vocabulary_size == 300
    assert Tokenizer.train(["ab"]).vocabulary_size == 259


def test_training_reads_a_stream_once_and_is_deterministic(tmp_path):
    assert Tokenizer.train(iter(TEXTS), 400).fingerprint == TOKENIZER.fingerprint
    assert Tokenizer.train(iter(TEXTS), 300).fingerprint != TOKENIZER.fingerprint
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    code = (
        "import json, sys; from nutgraf.text.tokenizer import Tokenizer;"
        "print(Tokenizer.train(json.load(open(sys.argv[1])), 400).fingerprint)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "texts.json")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == TOKENIZER.fingerprint


def test_bad_training_input_is_named():
    with pytest.raises(ConfigError, match="Received: 258"):
        Tokenizer.train(["a"], 258)
    with pytest.raises(DataError, match="Received: none"):
        Tokenizer.train([])


def test_lone_surrogates_are_named():
    bad = "ab\ud800"
    for call in (
        lambda: TOKENIZER.encode(bad),
        lambda: TOKENIZER.encode_batch(["fine", bad]),
        lambda: Tokenizer.train(["fine", bad]),
    ):
        with pytest.raises(DataError, match="at character 2"):
            call()


def test_saved_and_pickled_copies_are_equal(tmp_path):
    TOKENIZER.save(tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == [FILE_NAME]
    for copy in (
        Tokenizer.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(TOKENIZER)),
    ):
        assert copy.fingerprint == TOKENIZER.fingerprint
        assert copy.encode_batch(TEXTS) == TOKENIZER.encode_batch(TEXTS)
        assert copy.decode(copy.encode("<eos> 猫")) == "<eos> 猫"


def test_load_names_what_is_wrong(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        Tokenizer.load(tmp_path)
    path = tmp_path / FILE_NAME
    path.write_text("{broken")
    with pytest.raises(ModelError, match="Copy the file again"):
        Tokenizer.load(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="utf-8"):
        Tokenizer.load(tmp_path)
    TOKENIZER.save(tmp_path)
    path.write_text(path.read_text().replace('"<eos>"', '"<end>"'))
    with pytest.raises(ModelError, match=r"\[0, 1, None\]"):
        Tokenizer.load(tmp_path)


def test_load_refuses_special_tokens_that_match_in_texts(tmp_path):
    TOKENIZER._pieces.save(str(tmp_path / FILE_NAME))
    from tokenizers import Tokenizer as Pieces

    pieces = Pieces.from_file(str(tmp_path / FILE_NAME))
    pieces.add_special_tokens(["<eos>"])
    pieces.save(str(tmp_path / FILE_NAME))
    with pytest.raises(ModelError, match="1 added tokens"):
        Tokenizer.load(tmp_path)
