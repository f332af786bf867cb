"""Lead and oracle; Lead-3 on CNN/DailyMail comes out at its known scores."""

import gzip
import json
from pathlib import Path

import pytest

from nutgraf.errors import ConfigError
from nutgraf.metrics.rouge import rouge
from nutgraf.tasks.baselines import extractive_oracle, lead, lead_words

CNN_DM = Path(__file__).parents[3] / "shared/data/cnndm_tok.test.jsonl.gz"


def test_lead_takes_the_first_sentences():
    text = "Mr. A came. He sat.\nHe left."
    assert lead(text, 1) == "Mr. A came."
    assert lead(text, 2) == "Mr. A came.\nHe sat."
    assert lead(text, 9) == "Mr. A came.\nHe sat.\nHe left."
    assert lead("", 3) == ""


def test_lead_words_counts_pieces_and_cjk_characters():
    text = "one two,\n three  four five six seven eight nine ten eleven"
    assert lead_words(text) == "one two, three four five six seven eight nine ten"
    assert lead_words("用GPT-4 翻译。好", 4) == "用GPT-4 翻译"
    assert lead_words("a b", 10) == "a b"
    assert lead_words(" \n") == ""


def test_oracle_takes_what_helps_in_document_order():
    document = "The game ended. Nobody cared. It was late. A cat won the game."
    found = extractive_oracle(document, ["a cat won the game and it was late"])
    assert found == "It was late.\nA cat won the game."
    one = extractive_oracle(document, ["a cat won the game and it was late"], 1)
    assert one == "A cat won the game."
    assert extractive_oracle(document, ["unrelated words"]) == ""
    assert extractive_oracle("", ["a"]) == ""
    assert extractive_oracle("我们赢了。他走了。", ["他走"], 1, "cjk") == "他走了。"


def test_oracle_uses_the_best_reference():
    document = "We won. They lost."
    assert extractive_oracle(document, ["zzz", "they lost"]) == "They lost."


def test_counts_below_one_are_refused():
    for call in (lead, lead_words, lambda text, k: extractive_oracle(text, ["a"], k)):
        with pytest.raises(ConfigError, match="at least 1"):
            call("text", 0)


@pytest.mark.skipif(not CNN_DM.exists(), reason="the shared data is not here")
def test_lead_3_on_cnn_dailymail_has_its_known_scores():
    with gzip.open(CNN_DM, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    scores = rouge(
        [lead(row["document"], 3) for row in rows], [[row["summary"]] for row in rows]
    )
    known = {"rouge1": 39.0, "rouge2": 17.4, "rougeLsum": 35.5}
    for kind, value in known.items():
        near = pytest.approx(value, abs=0.3)  # sentence splitters differ
        assert scores[kind].mean() == near, kind
    oracle = [extractive_oracle(row["document"], [row["summary"]]) for row in rows[:60]]
    ceiling = rouge(oracle, [[row["summary"]] for row in rows[:60]])
    for kind in known:
        assert ceiling[kind].mean() > scores[kind][:60].mean() + 8, kind
