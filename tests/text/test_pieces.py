"""What the two trainers learn, and where a unigram model cuts."""

import pytest

from nutgraf.text.pieces import SPECIAL_TOKENS, learn_pieces, model_of

TEXTS = [
    "The unlikely reader rereads what readers like.",
    "It is likely that the reader likes to reread it: <eos>.",
    "今天天气很好，今天我们读书。",
] * 6
KINDS = ("bpe", "unigram")


@pytest.fixture(scope="module")
def pieces():
    return {kind: learn_pieces(iter(TEXTS), 360, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_come_first_and_every_byte_is_there(pieces, kind):
    found = pieces[kind]
    assert [found.id_to_token(place) for place in range(3)] == list(SPECIAL_TOKENS)
    assert not found.get_added_tokens_decoder()
    letters = [token for token in found.get_vocab() if len(token) == 1]
    assert len(letters) == 256
    assert 259 < found.get_vocab_size() <= 360


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_common_is_one_piece(pieces, kind):
    words = [pieces[kind].encode(text).tokens for text in (" reader", "今天")]
    assert [len(tokens) for tokens in words] == [1, 1]
    assert pieces[kind].encode("<eos>").tokens[0] == "<"


def cuts(word, scores):
    """Every way to cut a word into pieces, with the sum of their scores."""
    if not word:
        yield 0.0, []
    for end in range(1, len(word) + 1):
        if word[:end] in scores:
            for total, rest in cuts(word[end:], scores):
                yield total + scores[word[:end]], [word[:end], *rest]


@pytest.mark.parametrize("word", ["unlikely", "readers", "rereaders", "xylophone"])
def test_a_unigram_model_cuts_where_the_word_is_likeliest(pieces, word):
    found = pieces["unigram"]
    scores = {piece: score for piece, score in model_of(found)["vocab"]}
    best, tokens = max(cuts(word, scores))
    given = found.encode(word).tokens
    assert sum(scores[token] for token in given) == pytest.approx(best, rel=1e-6)
    assert given == tokens


def test_the_kinds_learn_different_pieces(pieces):
    one, other = (set(pieces[kind].get_vocab()) for kind in KINDS)
    assert one != other
    assert {model_of(pieces[kind])["type"] for kind in KINDS} == {"BPE", "Unigram"}
