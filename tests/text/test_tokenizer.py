"""Both kinds: lossless, distinct special tokens, files that can be trusted."""

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
TOKENIZERS = {kind: Tokenizer.train(TEXTS, 400, kind) for kind in ("bpe", "unigram")}
TOKENIZER = TOKENIZERS["bpe"]
both = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
unicode_text = st.text(st.characters(exclude_categories=["Cs"]))


@both
@given(unicode_text)
@settings(max_examples=200, deadline=None)
def test_decoding_gives_back_any_text(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(id_ > tokenizer.eos_id for id_ in ids)


@both
@given(st.lists(unicode_text, max_size=5))
@settings(max_examples=50, deadline=None)
def test_batches_equal_single_calls(tokenizer, texts):
    batch = tokenizer.encode_batch(texts)
    assert batch == [tokenizer.encode(text) for text in texts]
    assert tokenizer.decode_batch(batch) == texts


@both
@given(st.lists(st.integers(3, 258)))
@settings(max_examples=100, deadline=None)
def test_any_ids_give_a_text_that_can_be_encoded(tokenizer, ids):
    text = tokenizer.decode(ids)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@both
def test_special_ids_are_distinct_and_fixed(tokenizer):
    ids = (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id)
    assert ids == (0, 1, 2)
    assert [tokenizer.token(id_) for id_ in ids] == ["<pad>", "<bos>", "<eos>"]


@pytest.mark.parametrize("text", ["<eos>", "a<eos>b", " <pad>", "<bos><eos>\n<pad>"])
@both
def test_literal_special_tokens_stay_text(tokenizer, text):
    ids = tokenizer.encode(text)
    assert min(ids) > 2
    assert tokenizer.decode(ids) == text


@both
def test_decode_stops_at_first_end_and_drops_pad_and_bos(tokenizer):
    the, axis = tokenizer.encode("the"), tokenizer.encode(" axis")
    assert tokenizer.decode([1, *the, 0, *axis, 2, *the, 2]) == "the axis"
    array = np.array([[1, *the, 2, 0], [2, *the, 0, 0]], dtype=np.int32)
    assert tokenizer.decode_batch(array) == ["the", ""]


@both
def test_decode_rejects_unknown_ids(tokenizer):
    for bad in (-1, tokenizer.vocabulary_size):
        with pytest.raises(DataError, match=f"Received: {bad}"):
            tokenizer.decode([bad])


def test_pieces_are_learned_and_shown():
    assert len(TOKENIZER.encode(" the values")) < len(" the values") / 2
    id_ = TOKENIZER.encode(" values")[0]
    assert TOKENIZER.token(id_).startswith(" ")
    part = Tokenizer.train(["ab"], 300).encode("猫")[0]
    assert "\ufffd" not in TOKENIZER.token(part)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_vocabulary_respects_the_limit_and_small_corpora_give_less(kind):
    for limit in (259, 260, 280):
        assert Tokenizer.train(TEXTS, limit, kind).vocabulary_size == limit
    for texts in (["ab"], [""], ["", "a"]):
        tokenizer = Tokenizer.train(texts, kind=kind)
        assert tokenizer.vocabulary_size == 259
        assert tokenizer.decode(tokenizer.encode("ab 猫\n")) == "ab 猫\n"


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_training_reads_a_stream_once_and_is_deterministic(tmp_path, kind):
    expected = TOKENIZERS[kind].fingerprint
    assert Tokenizer.train(iter(TEXTS), 400, kind).fingerprint == expected
    assert Tokenizer.train(iter(TEXTS), 270, kind).fingerprint != expected
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    code = (
        "import json, sys; from nutgraf.text.tokenizer import Tokenizer;"
        "texts = json.load(open(sys.argv[1]));"
        "print(Tokenizer.train(texts, 400, sys.argv[2]).fingerprint)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "texts.json"), kind]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == expected


def test_bad_training_input_is_named():
    with pytest.raises(ConfigError, match="bpe, unigram. Received: 'word'"):
        Tokenizer.train(["a"], 300, "word")
    with pytest.raises(ConfigError, match="Received: 258"):
        Tokenizer.train(["a"], 258)
    for kind in TOKENIZERS:
        with pytest.raises(DataError, match="Received: none"):
            Tokenizer.train([], 300, kind)


@both
def test_lone_surrogates_are_named(tokenizer):
    bad = "ab\ud800"
    for call in (
        lambda: tokenizer.encode(bad),
        lambda: tokenizer.encode_batch(["fine", bad]),
        lambda: Tokenizer.train(["fine", bad]),
        lambda: Tokenizer.train(["fine", bad], 400, "unigram"),
    ):
        with pytest.raises(DataError, match="at character 2"):
            call()


@both
def test_saved_and_pickled_copies_are_equal(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == [FILE_NAME]
    for copy in (
        Tokenizer.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(tokenizer)),
    ):
        assert copy.fingerprint == tokenizer.fingerprint
        assert copy.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
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
