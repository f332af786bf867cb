import numpy as np

from nutgraf.arrays import EOS
from nutgraf.models.texts import actions_of, text_ids

TEXTS = ["the red house", "", "a <eos> b"]


def test_texts_are_encoded_as_the_codec_encodes_references(policy, rows):
    rows = [
        row._replace(references=(text,))
        for row, text in zip(rows[:3], TEXTS, strict=True)
    ]
    batch = policy.codec.batch(rows)
    ids = text_ids(policy.codec.tokenizer, TEXTS)
    length = batch.target_ids.shape[1]
    actions, mask = actions_of([[one] for one in ids], 1, length)
    np.testing.assert_array_equal(actions[:, 0], batch.target_ids)
    np.testing.assert_array_equal(mask[:, 0], batch.target_mask)


def test_written_texts_come_back(policy):
    ids = text_ids(policy.codec.tokenizer, TEXTS)
    actions, _ = actions_of([ids], 3, max(map(len, ids)))
    assert policy.codec.render(None, actions) == TEXTS


def test_the_end_action_is_lost_where_a_text_is_cut(policy):
    (ids,) = text_ids(policy.codec.tokenizer, TEXTS[:1])
    actions, mask = actions_of([[ids]], 1, len(ids) - 1)
    assert ids[-1] == EOS and EOS not in actions
    assert mask.all()
