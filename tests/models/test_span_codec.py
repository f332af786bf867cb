import itertools

import numpy as np
import pytest

from nutgraf.arrays import EOS
from nutgraf.data.answer_spans import asked_of, located, located_rows
from nutgraf.data.files import read_rows
from nutgraf.errors import DataError, DependencyError, ModelError
from nutgraf.models.bert_folder import bert_path
from nutgraf.models.span_codec import SpanCodec
from nutgraf.models.span_settings import WindowSettings
from nutgraf.text.bert_tokenizer import BertTokenizer
from tests.models.span_toys import question, toy_codec, toy_questions

LONG = (
    "the red house reads a blue river and the old data takes the houses and it reads "
    "a new file and houses it where the river reads data"
)


@pytest.fixture(scope="module")
def codec():
    return toy_codec()


def test_a_window_is_question_and_text_and_its_actions_are_places(codec):
    rows = toy_questions()
    batch = codec.batch(rows)
    ids, mask = batch.source_ids[0], batch.source_mask[0]
    assert codec.tokenizer.decode(ids[mask]) == (
        "[CLS] who reads [SEP] the red house reads a river [SEP]"
    )
    # red is piece 1 of the text, whose first place is 4 where each word is one piece
    start = list(ids).index(codec.tokenizer.encode("red")[0])
    assert batch.target_ids[0].tolist() == [start + 1, start + 2, EOS]
    assert batch.target_ids[1, 1:].tolist() in ([EOS, 0], [batch.target_ids[1, 1], EOS])
    assert codec.render(batch, batch.target_ids[:, None]) == [
        row.references[0] for row in rows
    ]


def test_the_words_are_those_of_the_text_to_the_letter(codec):
    row = question("1", "who", "The  RED\thouse, reads", "RED\thouse")
    batch = codec.batch([row])
    assert codec.render(batch, batch.target_ids[:, None]) == ["RED\thouse"]


def test_no_answer_is_the_end_alone(codec):
    rows = [question("1", "who", "the red house", ""), question("2", "who", "house")]
    batch = codec.batch(rows)
    assert batch.target_ids[:, 0].tolist() == [EOS, EOS]
    assert batch.target_mask.sum(axis=1).tolist() == [1, 1]
    assert codec.render(batch, batch.target_ids[:, None]) == ["", ""]


def test_a_start_that_is_told_goes_before_the_first_place_of_the_words(codec):
    text = "the house reads the house"
    told = question("1", "what", text, "the house", starts=(16,))
    batch = codec.batch([told, told._replace(starts=())])
    found = codec.places(batch, batch.target_ids[:, None])
    assert found == [(16, 25), (0, 9)]


def test_an_answer_that_is_too_long_ends_where_the_longest_does():
    codec = toy_codec(answer=2)
    row = question("1", "who", "the red house reads", "the red house reads")
    batch = codec.batch([row])
    assert codec.render(batch, batch.target_ids[:, None]) == ["the red"]


def test_only_the_second_window_holds_the_answer(codec):
    row, _ = located(question("7", "what is it", LONG, "new file"))
    windows = codec.windows_of(row)
    assert len(windows) > 1 and windows[0].row.references == ("",)
    held = [window for window in windows if window.row.references != ("",)]
    assert held and held[0].row.id != "7#1"
    for window in windows:
        context = asked_of(window.row.document).context
        assert LONG[window.offset :].startswith(context)
        batch = codec.batch([window.row])
        assert batch.source_mask.sum() <= codec.max_source
        text = codec.render(batch, batch.target_ids[:, None])[0]
        assert text == window.row.references[0]
        if text:
            place = codec.places(batch, batch.target_ids[:, None])[0][0]
            assert LONG[place + window.offset :].startswith("new file")
    assert [row.id for row in codec.cut([row])] == [w.row.id for w in windows]


def test_windows_overlap_begin_with_a_word_and_lose_no_piece(codec):
    row = question("7", "what is it", LONG)
    pieces = codec.tokenizer.pieces(LONG)
    windows = codec.windows_of(row)
    read = set()
    for window in windows:
        context = asked_of(window.row.document).context
        inside = codec.tokenizer.pieces(context)
        shifted = [(a + window.offset, b + window.offset) for a, b in inside.offsets]
        whole = dict(zip(pieces.offsets, pieces.ids, strict=True))
        assert [whole[place] for place in shifted] == inside.ids  # the same pieces
        if read:
            assert read & set(shifted)
        read |= set(shifted)
    assert read == set(pieces.offsets)


def test_chinese_is_cut_by_characters_too():
    codec = toy_codec(length=16, overlap=4)
    text = "红色的房子在河边。" * 3 + "老猫住在那里。"
    row, _ = located(question("3", "谁住？", text, "老猫"))
    windows = codec.windows_of(row)
    assert len(windows) > 2
    assert [w.row.references[0] for w in windows][-1] == "老猫"
    batch = codec.batch([windows[-1].row])
    assert codec.render(batch, batch.target_ids[:, None]) == ["老猫"]


def test_a_question_leaves_room_for_its_text(codec):
    row = question("3", "who reads what where is it " * 3, LONG)
    with pytest.raises(DataError, match=r"at most 12 .* in rows.jsonl:3. Shorten it"):
        codec.windows_of(row)


def test_a_batch_of_another_codec_has_no_texts(codec):
    batch = toy_codec().batch(toy_questions())
    with pytest.raises(ModelError, match="Make the batch anew"):
        toy_codec().render(batch, np.full((3, 1, 3), EOS))


def test_lengths_and_fingerprint(codec):
    rows = toy_questions()
    mask = codec.batch(rows).source_mask
    assert codec.source_lengths(rows) == mask.sum(axis=1).tolist()
    assert codec.fingerprint == toy_codec().fingerprint != toy_codec(20).fingerprint


@pytest.mark.parametrize("name", ["squad_sample.valid", "xquad_zh.test"])
def test_each_answer_of_real_texts_is_in_a_window_to_the_letter(name, shared_data):
    try:
        tokenizer = BertTokenizer.load(bert_path("minilm"))
    except DependencyError:
        pytest.skip("the package of minilm is not installed")
    codec = SpanCodec(tokenizer, WindowSettings(192, 64))
    path = shared_data / f"{name}.jsonl.gz"
    rows = read_rows(path, "context", "answers", question_field="question")
    rows = list(located_rows(itertools.islice(rows, 200)))
    held, exact = set(), []
    for row in rows:
        for window in codec.windows_of(row):
            if window.row.references[0]:
                batch = codec.batch([window.row])
                (text,) = codec.render(batch, batch.target_ids[:, None])
                exact.append(text == row.references[0])
                held.add(row.id)
    assert len(held) == len(rows) < len(exact)
    assert sum(exact) >= 0.98 * len(exact)  # pieces such as 1998年 may be more
