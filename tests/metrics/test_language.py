"""Script and function words, by hand and on real sentences in four languages."""

import gzip
import json

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.metrics.language import LANGUAGES, language_share, script_share

SENTENCES = {
    "cs": "Dva muži stojí na ulici a jeden z nich má v ruce knihu.",
    "de": "Zwei Männer stehen auf der Straße und einer hat ein Buch in der Hand.",
    "en": "Two men are standing in the street and one of them has a book.",
    "es": "Dos hombres están en el parque y uno de ellos tiene un libro.",
    "fr": "Deux hommes sont dans la rue et un d'eux a un livre dans la main.",
    "it": "Due uomini sono nella strada e uno di loro ha un libro in mano.",
    "nl": "Twee mannen staan op de straat en een van hen heeft een boek.",
    "pt": "Dois homens estão na rua e um deles tem um livro na mão.",
    "zh": "两个男人站在街上，其中一个拿着一本书。",
    "ja": "二人の男が通りに立っていて、一人は本を持っている。",
    "ko": "두 남자가 거리에 서 있고 한 명은 책을 들고 있다.",
    "ru": "Двое мужчин стоят на улице, и у одного из них книга.",
    "el": "Δύο άνδρες στέκονται στον δρόμο.",
    "ar": "رجلان يقفان في الشارع ومعهما كتاب.",
    "hi": "दो आदमी सड़क पर खड़े हैं।",
    "th": "ชายสองคนยืนอยู่บนถนน",
}


def test_each_language_gets_its_own_sentence_and_no_other():
    assert set(SENTENCES) == set(LANGUAGES)
    for language in LANGUAGES:
        shares = dict(
            zip(SENTENCES, language_share([*SENTENCES.values()], language), strict=True)
        )
        assert shares.pop(language) > 95, language
        assert max(shares.values()) < 75, (language, shares)


def test_script_share_by_hand():
    assert script_share("abc", "en") == script_share("a 1, 2!", "en") == 1
    assert script_share("ab天气", "zh") == 0.5
    assert script_share("カラオケ", "ja") == 1 and script_share("カラオケ", "zh") == 0
    assert script_share("", "en") == script_share("12 !", "en") == 0


def test_by_hand():
    # the, of: 2 English words; avec: 1 French word that no other list has
    found = language_share(["the cat of avec", "avec chat est the"], "fr")
    np.testing.assert_allclose(found, [50, 100])
    # "in" is in both lists and tells nothing
    assert language_share(["in the in", "in der in"], "de").tolist() == [0, 100]
    # two words with letters that English does not have, one English word
    np.testing.assert_allclose(language_share(["the Straße für"], "en"), [50])
    # no function word at all: script alone
    assert language_share(["Berlin", "Берлин", ""], "de").tolist() == [100, 0, 0]
    # Chinese for Japanese: no kana
    assert language_share(["这是我的书。"], "ja")[0] < 20
    # composed and decomposed accents are the same
    np.testing.assert_allclose(language_share(["a\u0300 la rue"], "fr"), [100])


def test_unknown_languages_are_refused():
    with pytest.raises(ConfigError, match="one of ar, cs.*Received: 'xx'"):
        language_share(["a"], "xx")


@pytest.mark.data
def test_real_captions_are_told_apart(shared_data):
    with gzip.open(shared_data / "multi30k.test2016.jsonl.gz", "rt", "utf8") as lines:
        rows = [json.loads(line) for line in lines][:400]
    languages = ("en", "de", "fr", "cs")
    for wanted in languages:
        scores = {
            other: language_share([row[other] for row in rows], wanted)
            for other in languages
        }
        assert scores[wanted].mean() > 99
        for other in languages:
            if other != wanted:
                assert scores[other].mean() < 10, (wanted, other)
                assert np.mean(scores[wanted] > scores[other]) > 0.97, (wanted, other)
