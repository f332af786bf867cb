"""Numbers and names: what counts as one, and what a document supports."""

import gzip
import json

import pytest

from nutgraf.errors import DataError
from nutgraf.metrics.faithfulness import claims, names, numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("1,000 and 1000 and 1000.0", ["1000", "1000", "1000"]),
        ("1,234,567", ["1234567"]),
        ("3.50 to 0.5", ["3.5", "0.5"]),
        ("007 and 0", ["7", "0"]),
        ("$5m, 20%, the 3rd", ["5", "20", "3"]),
        ("in 1999, 2000 came", ["1999", "2000"]),
        ("version 2.13.0", ["2.13.0"]),
        ("10:30 on 1/2", ["10", "30", "1", "2"]),
        ("１２年", ["12"]),  # full width
        ("12,34", ["12,34"]),  # no group of three
    ],
)
def test_numbers(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("it rained in london.", []),  # a text without capitals
        ("It rained in London.", ["London"]),
        ("Rain fell. He saw Rome.", ["Rome"]),  # Rain, He open sentences
        ("Anna left. Then we saw Anna.", ["Anna", "Anna"]),  # elsewhere in it
        ("Barack Obama spoke.", ["Obama", "Barack"]),  # a capital word follows
        ("The President spoke.", ["President"]),  # The is a common first word
        ("Then I left.", []),
        ("He met Jean-Luc O'Neil of AT&T.", ["Jean-Luc", "O'Neil", "AT&T"]),
        ("He lives in the U.S. now.", ["U.S"]),
        ("Obama Meets Merkel in Berlin", []),  # a heading
        ("OBAMA MEETS MERKEL TODAY", []),
        ("Obama met Merkel in Berlin", ["Merkel", "Berlin"]),  # no heading
        ("她在 Beijing 工作。", ["Beijing"]),
    ],
)
def test_names(text, expected):
    assert names(text) == expected


def count(text, document):
    found = claims([text], [document])
    return found.found[0], found.missing[0]


@pytest.mark.parametrize(
    ("text", "document", "expected"),
    [
        ("", "", (0, 0)),
        ("He saw Rome.", "They flew to rome.", (1, 0)),  # a lower-cased document
        ("He saw Rome and Rome.", "Paris", (1, 1)),  # once each
        ("He saw Anna's cat.", "Anna has a cat", (1, 0)),
        ("He saw Anna’s cat.", "Anna has a cat", (1, 0)),
        ("They are Americans.", "an American", (1, 0)),  # stems
        ("In the U.S. it rained.", "the US", (1, 0)),
        ("He likes José.", "Jose was there", (1, 0)),  # accents
        ("He met Москва.", "в москва", (1, 0)),  # another script
        ("It is New York-based.", "based in New York", (2, 0)),
        ("He left New York.", "a New York-based firm", (2, 0)),
        ("He left South Korea.", "North Korea", (2, 1)),
        ("It cost 1000.", "a price of 1,000 dollars", (1, 0)),
        ("It took 12 days and 40 nights.", "twelve days, forty nights", (2, 0)),
        ("It took 13 days.", "twelve days", (1, 1)),
        ("It took twelve days.", "", (0, 0)),  # spelled numbers are no claims
        ("In 2024 Anna won 3.50.", "2024 anna 3.5", (3, 0)),
    ],
)
def test_claims_by_hand(text, document, expected):
    assert count(text, document) == expected


def test_counts_are_one_per_row():
    found = claims(["He saw Rome.", "It is 5."], ["rome", "4"])
    assert found.found.tolist() == [1, 1]
    assert found.missing.tolist() == [0, 1]
    assert claims([], []).found.shape == (0,)


@pytest.mark.data
def test_real_summaries_are_supported_by_their_own_article(shared_data):
    with gzip.open(shared_data / "cnndm_sample.valid.jsonl.gz", "rt", "utf8") as lines:
        rows = [json.loads(line) for line in lines][:400]
    summaries, documents = ([row[k] for row in rows] for k in ("summary", "document"))
    own = claims(summaries, documents)
    other = claims(summaries, documents[1:] + documents[:1])
    assert own.found.sum() > 2000
    assert own.missing.sum() < 0.1 * own.found.sum()
    assert other.missing.sum() > 0.85 * other.found.sum()
    first = [" ".join(document.split()[:60]) for document in documents]
    assert not claims(first, documents).missing.any()


def test_mistakes_are_named():
    with pytest.raises(DataError, match="1 predictions, 0 documents"):
        claims(["a"], [])
