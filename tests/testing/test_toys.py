import numpy as np

from nutgraf.testing.toys import toy_policy, toy_rows, toy_tokenizer, weights_of


def test_rows_repeat_and_their_summary_is_how_they_begin():
    rows = toy_rows(5, length=9)
    assert rows == toy_rows(5, length=9)
    assert rows != toy_rows(5, length=9, seed=1)
    for row in rows:
        words = row.document.split()
        assert len(words) == 9
        assert row.references == (" ".join(words[:4]),)
    assert len({row.id for row in rows}) == 5


def test_the_tokenizer_knows_every_toy_word(rows, tokenizer):
    assert tokenizer.fingerprint == toy_tokenizer().fingerprint
    for row in rows:
        ids = tokenizer.encode(row.document)
        assert tokenizer.decode(ids) == row.document
        assert len(ids) <= 2 * len(row.document.split())


def test_policies_repeat_and_take_changes(tokenizer):
    one, same, other = (
        weights_of(toy_policy(tokenizer, seed=seed)) for seed in (3, 3, 4)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    policy = toy_policy(tokenizer, width=16, copy=False, max_target=7)
    assert policy.model.config.width == 16
    assert policy.model.copy_head is None
    assert policy.codec.max_target == 7
