import json

import numpy as np
import pytest

from nutgraf.errors import DataError
from nutgraf.report.parts import Attention, Sample
from nutgraf.report.samples import (
    SHOWN,
    evaluated_samples,
    read_attention,
    read_samples,
    spread,
    write_attention,
    write_samples,
)


def test_the_numbers_are_spread_over_all():
    assert spread(0) == []
    assert spread(3) == [0, 1, 2]
    assert spread(100) == [0, 20, 40, 60, 80]
    assert spread(7, 2) == [0, 3]


def test_samples_come_back(tmp_path):
    path = tmp_path / "samples.json"
    samples = [
        Sample("Zürich 摘要", {"start": "a", "after update 3": ""}, "r", "row-1"),
        Sample("d", {}),
    ]
    write_samples(path, samples)
    assert read_samples(path) == samples


@pytest.mark.parametrize("share", [None, [0.25]])
def test_attention_comes_back_to_four_digits(tmp_path, share):
    path = tmp_path / "attention.json"
    weights = np.asarray([[0.123456, np.nan]], "float32")
    write_attention(path, Attention("map", ["a", " b"], ["<eos>"], weights, share))
    (picture,) = read_attention(path)
    assert picture.weights.tolist() == [[0.1235, 0.0]]
    assert (picture.title, picture.copy_share) == ("map", share)
    assert (picture.source_tokens, picture.text_tokens) == (["a", " b"], ["<eos>"])
    write_attention(path, None)
    assert not path.exists()


def test_a_few_texts_of_an_evaluation_are_read(tmp_path):
    path = tmp_path / "texts.jsonl"
    lines = [
        {"id": f"row{n}", "document": "d", "text": f"t{n}", "references": ["r"][:n]}
        for n in range(50)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    samples = evaluated_samples(path, "ours")
    assert len(samples) == SHOWN
    assert samples[0] == Sample("d", {"ours": "t0"}, "", "row0")
    assert samples[4] == Sample("d", {"ours": "t40"}, "r", "row40")
    path.write_text("{}")
    with pytest.raises(DataError, match=r"texts\.jsonl:1: the field `id` is missing"):
        evaluated_samples(path, "ours")
