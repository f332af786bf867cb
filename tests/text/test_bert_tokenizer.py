import pickle

import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.text.bert_tokenizer import BertTokenizer, Pieces

TEXTS = ["The cat sat, the cats ran.", "A naive dog sat.", "猫坐着。猫跑了。"] * 3


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer.train(TEXTS, 120)


def test_special_tokens_have_their_ids(tokenizer):
    ids = [tokenizer.pad_id, tokenizer.unknown_id, tokenizer.cls_id]
    assert [*ids, tokenizer.sep_id, tokenizer.mask_id] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["[PAD]", "[CLS]", "[SEP]", "[MASK]"])
def test_special_tokens_in_a_text_are_text(tokenizer, name):
    ids = tokenizer.encode(f"the {name} cat {name}")
    assert not {0, 2, 3, 4} & set(ids)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The  CATS\tran", ["The", "CATS", "ran"]),
        ("A naïve dog", ["A", "naïve", "dog"]),
        ("猫 sat着", ["猫", "sat", "着"]),
        ("\u200bdog👍 cat", ["dog👍", "cat"]),
        ("", []),
    ],
)
def test_offsets_point_into_the_text(tokenizer, text, words):
    ids, offsets = tokenizer.pieces(text)
    found = []
    for token_id, (start, end) in zip(ids, offsets, strict=True):
        if tokenizer.starts_word[token_id]:
            found.append("")
        found[-1] += text[start:end]
    assert found == words


def test_batches_are_the_same_as_single_texts(tokenizer):
    texts = [*TEXTS, "", "an unknown wörd 👍"]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]
    assert tokenizer.pieces_batch(texts) == [tokenizer.pieces(text) for text in texts]


def test_one_text_gets_both_ends(tokenizer):
    pieces = tokenizer.pieces("the cat sat")
    joined = tokenizer.join(pieces)
    assert joined.ids == [2, *pieces.ids, 3] and joined.segments == [0] * 5
    assert joined.offsets == [(0, 0), (0, 3), (4, 7), (8, 11), (0, 0)]
    assert tokenizer.join(pieces, max_length=3).ids == [2, pieces.ids[0], 3]


def numbered(count):
    return Pieces(list(range(10, 10 + count)), [(n, n + 1) for n in range(count)])


def shortened(first, second, room):
    """The loop of Devlin et al., token by token."""
    while first + second > room:
        first, second = (first - 1, second) if first > second else (first, second - 1)
    return first, second


@pytest.mark.parametrize("room", [2, 3, 6, 7, 12])
@pytest.mark.parametrize("first", [0, 1, 3, 5, 9])
@pytest.mark.parametrize("second", [0, 1, 4, 9])
def test_of_two_texts_the_longer_one_is_cut(tokenizer, first, second, room):
    joined = tokenizer.join(numbered(first), numbered(second), room + 3)
    one, two = shortened(first, second, room)
    kept = [*range(10, 10 + one)], [*range(10, 10 + two)]
    assert joined.ids == [2, *kept[0], 3, *kept[1], 3]
    assert joined.segments == [0] * (one + 2) + [1] * (two + 1)
    assert len(joined.offsets) == len(joined.ids)
    ends = [0, one + 1, one + two + 2]
    assert [joined.offsets[place] for place in ends] == [(0, 0)] * 3


def test_a_window_keeps_its_places(tokenizer):
    pieces = tokenizer.pieces("the cat sat")
    assert pieces.cut(1) == (pieces.ids[1:], [(4, 7), (8, 11)])
    assert pieces.cut(0, 1) == (pieces.ids[:1], [(0, 3)])


def test_words_are_shown_whole(tokenizer):
    ids = tokenizer.encode("The dog sat")
    assert tokenizer.decode([2, *ids, 3, 0, 0]) == "[CLS] the dog sat [SEP]"
    assert tokenizer.token(4) == "[MASK]"
    with pytest.raises(DataError, match="must be in .0, "):
        tokenizer.token(tokenizer.vocabulary_size)


def test_it_is_saved_loaded_and_pickled(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    for again in (
        BertTokenizer.load(tmp_path),
        pickle.loads(pickle.dumps(tokenizer)),
    ):
        assert again.fingerprint == tokenizer.fingerprint
        assert again.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
        assert again.mask_id == tokenizer.mask_id
    other = BertTokenizer.train(TEXTS, 120, lower=False)
    assert other.fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize(("count", "second"), [(2, None), (4, numbered(1))])
def test_too_little_room_is_named(tokenizer, count, second):
    with pytest.raises(ConfigError, match=f"at least {count + 1}.*={count}"):
        tokenizer.join(numbered(3), second, count)


def test_a_lone_surrogate_is_named(tokenizer):
    for encode in (tokenizer.encode, lambda text: tokenizer.encode_batch([text])):
        with pytest.raises(DataError, match="lone surrogates"):
            encode("a\ud800")
