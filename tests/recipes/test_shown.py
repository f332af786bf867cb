import json

import numpy as np
import pytest

from nutgraf.data.rows import Row
from nutgraf.recipes.shown import (
    attention_picture,
    show_attention,
    show_end,
    show_look,
    show_texts,
)
from nutgraf.report.samples import read_attention, read_samples
from nutgraf.rl.watch import Watch
from nutgraf.testing.toys import toy_policy, toy_rows


def texts_in(folder):
    return [sample.texts for sample in read_samples(folder / "samples.json")]


def test_texts_stand_beside_those_of_the_start(tmp_path):
    rows = toy_rows(12)
    for update in (0, 10, 1200):
        show_look(tmp_path, rows, [f"{update} {n}" for n in range(12)], update)
    assert texts_in(tmp_path) == [
        {"start": f"0 {n}", "after update 1,200": f"1200 {n}"} for n in (0, 2, 4, 7, 9)
    ]
    first = read_samples(tmp_path / "samples.json")[0]
    assert (first.title, first.document) == (rows[0].id, rows[0].document)
    assert first.reference == rows[0].references[0]


def test_texts_of_other_rows_and_of_another_start_are_left_out(tmp_path):
    show_look(tmp_path, toy_rows(2), ["a", "b"], 0)
    show_look(tmp_path, toy_rows(2)[1:], ["c"], 5)
    assert texts_in(tmp_path) == [{"start": "b", "after update 5": "c"}]
    show_look(tmp_path, toy_rows(2), ["d", "e"], 0)
    assert texts_in(tmp_path) == [{"start": "d"}, {"start": "e"}]
    (tmp_path / "samples.json").write_text("{")
    show_texts(tmp_path, [toy_rows(1)[0]._replace(references=())], ["f"], "newest")
    assert texts_in(tmp_path) == [{"newest": "f"}]


def test_the_end_is_that_of_the_weights_and_rows_of_the_run(tokenizer, tmp_path):
    policy, rows, seen = toy_policy(tokenizer), toy_rows(3), []

    def write(rows, weights):
        seen.extend(weights)
        return [row.references[0] for row in rows]

    show_end(tmp_path, Watch(rows, write), policy, 7)
    assert texts_in(tmp_path)[2] == {"after update 7": rows[2].references[0]}
    assert [w.shape for w in seen] == [v.shape for v in policy.variables]
    (picture,) = read_attention(tmp_path / "attention.json")
    assert picture.title.endswith(rows[0].id)
    expected = attention_picture(policy, rows[0], rows[0].references[0])
    assert picture.source_tokens == expected.source_tokens
    np.testing.assert_allclose(picture.weights, expected.weights, atol=5e-5)


def test_a_picture_goes_when_there_is_none_any_more(tokenizer, rows, tmp_path):
    policy = toy_policy(tokenizer)
    show_attention(tmp_path, policy, rows[0], "the red house")
    kept = json.loads((tmp_path / "attention.json").read_text())
    assert len(kept["weights"]) == len(kept["text_tokens"]) == len(kept["copy_share"])
    show_attention(tmp_path, policy, rows[0], "")
    assert not (tmp_path / "attention.json").exists()


@pytest.mark.parametrize("length", [5, 60])
def test_the_attention_has_a_row_per_piece_and_a_column_per_source_piece(
    length, tokenizer
):
    """Also for a source and a text longer than the model's limits, 48 and 12."""
    policy, row = toy_policy(tokenizer), toy_rows(1, length=length)[0]
    picture = attention_picture(policy, row, row.document)
    pieces = tokenizer.encode(row.document)
    assert len(picture.source_tokens) == min(len(pieces), 48)
    assert len(picture.text_tokens) == min(len(pieces), 11) + 1
    assert picture.text_tokens[-1] == "<eos>"
    shape = (len(picture.text_tokens), len(picture.source_tokens))
    assert np.shape(picture.weights) == shape
    assert np.shape(picture.copy_share) == shape[:1]
    np.testing.assert_allclose(np.sum(picture.weights, axis=1), 1.0, rtol=1e-4)
    assert np.all((picture.copy_share > 0) & (picture.copy_share < 1))


def test_parts_of_a_character_are_shown_by_their_bytes(tokenizer):
    row = Row("1", "天气 red", ("天",))
    picture = attention_picture(toy_policy(tokenizer), row, "天")
    names = [tokenizer.token(piece) for piece in tokenizer.encode(row.document)]
    assert picture.source_tokens == names and len(names) > 6
    assert "\ufffd" not in "".join([*names, *picture.text_tokens])


def test_there_is_no_picture_without_copy_head_or_text(tokenizer, rows):
    without = toy_policy(tokenizer, copy=False)
    assert attention_picture(without, rows[0], "the red house") is None
    assert attention_picture(toy_policy(tokenizer), rows[0], "") is None
