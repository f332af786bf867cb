import numpy as np

from nutgraf.arrays import EOS, PAD
from nutgraf.data.rows import Row, row_number
from nutgraf.models.codec import TextCodec, pad_ids, round_up


def test_targets_end_with_the_end_action_which_counts(policy, rows):
    batch = policy.codec.batch(rows[:5])
    for ids, mask in zip(batch.target_ids, batch.target_mask, strict=True):
        counted = ids[mask]
        assert counted[-1] == EOS and (counted[:-1] != EOS).all()
        assert (ids[~mask] == PAD).all()


def test_a_cut_target_has_no_end_action(tokenizer):
    codec = TextCodec(tokenizer, 48, 4)
    batch = codec.batch([Row("a", "the red house", ("the red house reads the file",))])
    assert batch.target_mask.all() and EOS not in batch.target_ids


def test_batch_renders_back(policy, rows):
    batch = policy.codec.batch(rows[:3])
    texts = policy.codec.render(batch, batch.target_ids[:, None])
    assert texts == [row.references[0] for row in rows[:3]]


def test_literal_end_token_in_a_text_stays_text(policy):
    batch = policy.codec.batch([Row("a", "a <eos> b <pad>", ("<eos>",))])
    assert EOS not in batch.source_ids
    assert policy.codec.render(batch, batch.target_ids[:, None]) == ["<eos>"]


def test_row_numbers_and_padding(policy, rows):
    batch = policy.codec.batch(rows[:2])
    assert batch.row_ids.tolist() == [row_number("row0"), row_number("row1")]
    assert batch.source_ids.shape[1] % 16 == 0
    assert round_up(33, 32, 48) == 48
    table, mask = pad_ids([[5, 6, 7], []], 2)
    assert table.tolist() == [[5, 6], [0, 0]]
    assert np.array_equal(mask, [[True, True], [False, False]])
