"""What a source becomes: shares, order, and a function of seed, epoch and row."""

from collections import Counter

import numpy as np
import pytest

from nutgraf.data.augment import Augmenter, AugmentSettings
from nutgraf.data.questions import ask, split_asked
from nutgraf.errors import ConfigError
from nutgraf.text.sentences import split_sentences
from nutgraf.text.tokenizer import Tokenizer

ENGLISH = "One is red. Two are blue. Three went home. Four came back."
CHINESE = "今天天气很好。我们去公园。他们在家里。"
TOKENIZER = Tokenizer.train([ENGLISH, CHINESE] * 3, 400)


def changed(text, row=0, seed=0, epoch=0, **settings):
    change = Augmenter(AugmentSettings(**settings), TOKENIZER, seed, epoch)
    return change(np.asarray(TOKENIZER.encode(text), "uint16"), row)


def test_it_is_a_function_of_seed_epoch_and_row():
    both = {"token_dropout": 0.3, "sentence_shuffle": 0.5}
    one = changed(ENGLISH, **both).tolist()
    assert changed(ENGLISH, **both).tolist() == one
    found = {
        tuple(changed(ENGLISH, **both, **{name: value}))
        for name in ("row", "seed", "epoch")
        for value in range(1, 5)
    }
    assert len(found) > 8


def test_the_share_of_tokens_is_left_out_and_order_kept():
    ids = np.arange(3, 1003, dtype="uint16")
    change = Augmenter(AugmentSettings(token_dropout=0.2), TOKENIZER, 0, 0)
    kept = [change(ids, row) for row in range(20)]
    assert all((np.diff(some.astype(int)) > 0).all() for some in kept)
    mean = np.mean([len(some) for some in kept])
    assert mean == pytest.approx(800, rel=0.02)  # drawn
    everywhere = Counter(np.concatenate(kept).tolist())
    assert len(everywhere) == 1000  # no token is always left out


def test_one_token_is_always_left_and_none_stays_none():
    change = Augmenter(AugmentSettings(token_dropout=0.99), TOKENIZER, 0, 0)
    assert {len(change(np.array([7, 8]), row)) for row in range(50)} <= {1, 2}
    assert len(change(np.array([], int), 0)) == 0


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_sentences_change_places_and_stay_whole(text):
    found = [
        TOKENIZER.decode(changed(text, row, sentence_shuffle=1.0)) for row in range(30)
    ]
    for one in found:
        assert sorted(split_sentences(one)) == sorted(split_sentences(text))
        assert len(one) == len(text)
    assert len(set(found)) > 4


def test_the_share_of_rows_is_shuffled():
    before = TOKENIZER.encode(ENGLISH)
    same = [
        changed(ENGLISH, row, sentence_shuffle=0.5).tolist() == before
        for row in range(400)
    ]
    # half, and 1 of 24 orders is the old one
    assert np.mean(same) == pytest.approx(0.5 + 0.5 / 24, abs=0.07)  # drawn


def test_one_sentence_and_a_cut_letter_are_left_alone():
    assert changed("Only one.", sentence_shuffle=1.0).tolist() == TOKENIZER.encode(
        "Only one."
    )
    ids = TOKENIZER.encode("One. Two. 猫")[:-1]  # bytes of half a letter at the end
    change = Augmenter(AugmentSettings(sentence_shuffle=1.0), TOKENIZER, 0, 0)
    found = {TOKENIZER.decode(change(np.array(ids), row)) for row in range(20)}
    assert found == {"One. Two.", "Two. One."}


def test_without_settings_nothing_changes():
    assert not AugmentSettings().active
    assert changed(ENGLISH).tolist() == TOKENIZER.encode(ENGLISH)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize(
    ("question", "context"),
    [("Who went? And how?", ENGLISH), ("他们在哪里？今天呢？", CHINESE)],
)
def test_a_question_stays_whole_in_its_place(question, context, kind):
    source = ask(question, context)
    tokenizer = Tokenizer.train([source] * 3, 400, kind)
    ids = np.asarray(tokenizer.encode(source), "uint16")
    shuffle = AugmentSettings(sentence_shuffle=1.0)
    contexts = set()
    for row in range(20):
        found = tokenizer.decode(Augmenter(shuffle, tokenizer, 0, 0, True)(ids, row))
        asked, changed = split_asked(found)
        assert asked == question
        assert sorted(split_sentences(changed)) == sorted(split_sentences(context))
        contexts.add(changed)
    assert len(contexts) > 3
    both = AugmentSettings(token_dropout=0.9, sentence_shuffle=1.0)
    for row in range(20):
        found = tokenizer.decode(Augmenter(both, tokenizer, 0, 0, True)(ids, row))
        asked, changed = split_asked(found)
        assert asked == question and "\n" in found and len(changed) < len(context)


def test_a_question_without_a_text_is_left_alone():
    ids = TOKENIZER.encode("One is red? Two are blue?")
    settings = AugmentSettings(token_dropout=0.9, sentence_shuffle=1.0)
    change = Augmenter(settings, TOKENIZER, 0, 0, True)
    assert change(np.array(ids), 1).tolist() == ids


@pytest.mark.parametrize(
    "wrong",
    [{"token_dropout": 1.0}, {"token_dropout": -0.1}, {"sentence_shuffle": 1.1}],
)
def test_shares_are_shares(wrong):
    ((name, _),) = wrong.items()
    with pytest.raises(ConfigError, match=f"{name} must be a number in .*Received"):
        AugmentSettings(**wrong)
