"""Translation is scored as sacrebleu scores it."""

import gzip
import json

import pytest
from sacrebleu.metrics import BLEU, CHRF

from nutgraf.data.rows import Row
from nutgraf.evaluation.score import compare, score_texts
from nutgraf.tasks.translate import TRANSLATE

ROWS = [
    Row("1", "A dog runs on the beach.", ("Ein Hund rennt am Strand.",)),
    Row("2", "Two men are talking.", ("Zwei Männer unterhalten sich.",)),
    Row("3", "It rains.", ("Es regnet.",)),
]
TEXTS = ["Ein Hund läuft am Strand.", "Zwei Männer unterhalten sich.", "Es schneit."]


def test_the_literal_of_sacrebleu():
    # sacrebleu 2.6.0, corpus_chrf and corpus_bleu of TEXTS against the references
    found = score_texts(ROWS, TEXTS, task=TRANSLATE)
    assert found.main == "chrf"
    assert found.means()["chrf"] == pytest.approx(75.30866974485329, abs=1e-9)
    assert found.means()["bleu"] == pytest.approx(57.47078645171894, abs=1e-9)
    assert found.signature == (
        "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0; "
        "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
    )


def test_chinese_is_cut_by_sacrebleus_tokenizer_for_it():
    rows = [Row("1", "It is nice today.", ("今天天气很好。", "今天天气不错。"))]
    found = score_texts(rows, ["今天天气很不错。"], "cjk", task=TRANSLATE)
    streams = [[text] for text in rows[0].references]
    expected = BLEU(tokenize="zh").corpus_score(["今天天气很不错。"], streams)
    assert found.means()["bleu"] == pytest.approx(expected.score, abs=1e-9)
    assert "tok:zh" in found.signature and "nrefs:2" in found.signature


def test_the_baseline_is_the_source_and_copying_it_is_seen():
    assert TRANSLATE.baselines(ROWS, "english") == {
        "copy of the source": [row.document for row in ROWS]
    }
    copied = score_texts(ROWS, [row.document for row in ROWS], task=TRANSLATE)
    assert copied.means()["copied_share"] == pytest.approx(200 / 3)  # "It rains" is two
    assert score_texts(ROWS, TEXTS, task=TRANSLATE).means()["copied_share"] == 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "source", "target", "words", "tokenize"),
    [
        ("multi30k.test2016", "en", "de", "english", "13a"),
        ("tatoeba_en_zh.test", "source", "target", "cjk", "zh"),
    ],
)
def test_real_rows_equal_sacrebleu(shared_data, name, source, target, words, tokenize):
    with gzip.open(shared_data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    rows = [Row(r["id"], r[source], (r[target],)) for r in records]
    # a made-up system: the reference without its last letters, or the row's before
    good = [row.references[0][:-3] for row in rows]
    bad = [rows[n // 2 * 2].references[0] for n in range(len(rows))]
    stream = [[row.references[0] for row in rows]]
    scored = [score_texts(rows, texts, words, task=TRANSLATE) for texts in (good, bad)]
    for texts, found in zip((good, bad), scored, strict=True):
        for metric, kind in (("chrf", CHRF()), ("bleu", BLEU(tokenize=tokenize))):
            expected = kind.corpus_score(texts, stream)
            assert found.means()[metric] == pytest.approx(expected.score, abs=1e-9)
            interval = found.interval(metric)
            assert interval.low < expected.score < interval.high
            assert kind.get_signature().format() in found.signature
    assert compare(*scored).p_value < 1e-3
