import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.training.masked import Masking, hide_words

SIZE = 40
STARTS = np.arange(SIZE) % 3 != 1  # every third piece goes on with a word
SPECIAL = (0, 1, 2, 3, 4)
STARTS[list(SPECIAL)] = True


def masking(**options):
    return Masking(STARTS, SPECIAL, 4, **options)


def texts(count=8, length=40, seed=0):
    random = np.random.default_rng(seed)
    ids = random.integers(5, SIZE, (count, length)).astype("int32")
    lengths = random.integers(5, length + 1, count)
    ids[:, 0] = 2
    ids[np.arange(count), lengths - 1] = 3
    mask = np.arange(length) < lengths[:, None]
    return np.where(mask, ids, 0).astype("int32"), mask


def hide(ids, mask, **options):
    keys = np.arange(len(ids))
    return hide_words(ids, mask, np.zeros_like(ids), keys, masking(**options), (7, 0))


def words(row, mask):
    """Places of each word, by a loop."""
    found = []
    for place, token in enumerate(row):
        if not mask[place] or token in SPECIAL:
            continue
        before = place and row[place - 1] not in SPECIAL
        if STARTS[token] or not before:
            found.append([])
        found[-1].append(place)
    return found


def test_words_are_hidden_whole():
    ids, mask = texts(60)
    found = hide(ids, mask)
    several = 0
    for row in range(len(ids)):
        chosen = set(found.places[row][found.asked[row]].tolist())
        for word in words(ids[row], mask[row]):
            assert chosen >= set(word) or not chosen & set(word)
            several += len(word) > 1 and chosen >= set(word)
    assert several > 20


def test_a_share_of_the_tokens_is_asked_for_and_labelled():
    ids, mask = texts(200, 100)
    found = hide(ids, mask)
    counts = found.asked.sum(axis=1)
    tokens = (mask & ~np.isin(ids, SPECIAL)).sum(axis=1)
    room = np.maximum(1, np.round(0.15 * tokens))
    assert (counts <= room).all() and counts.sum() >= 0.95 * room.sum()
    for row in range(len(ids)):
        kept = found.asked[row]
        chosen = found.places[row][kept]
        assert len(set(chosen)) == len(chosen) and mask[row][chosen].all()
        assert (found.labels[row][kept] == ids[row][chosen]).all()
        assert not found.labels[row][~kept].any()
        others = np.setdiff1d(np.arange(ids.shape[1]), chosen)
        assert (found.ids[row][others] == ids[row][others]).all()
    assert not np.isin(found.labels[found.asked], SPECIAL).any()


def test_eighty_ten_ten():
    ids, mask = texts(600, 100)
    found = hide(ids, mask)
    now = np.take_along_axis(found.ids, found.places, axis=1)[found.asked]
    before = found.labels[found.asked]
    assert np.mean(now == 4) == pytest.approx(0.8, abs=0.02)  # 7,000 draws
    assert np.mean(now == before) == pytest.approx(0.1, abs=0.02)  # the same
    assert not np.isin(now, (0, 1, 2, 3)).any()


def test_all_hidden_or_all_as_before():
    ids, mask = texts()
    hidden = hide(ids, mask, hidden=1.0, random=0.0)
    assert (hidden.ids != ids).sum() == hidden.asked.sum()
    plain = hide(ids, mask, hidden=0.0, random=0.0)
    np.testing.assert_array_equal(plain.ids, ids)
    np.testing.assert_array_equal(plain.places, hidden.places)


def test_what_is_hidden_depends_on_seed_pass_and_text_alone():
    ids, mask = texts()
    whole = hide(ids, mask)
    some = hide_words(
        ids[3:5], mask[3:5], 0 * ids[3:5], np.array([3, 4]), masking(), (7, 0)
    )
    for one, two in zip(whole, some, strict=True):
        np.testing.assert_array_equal(one[3:5], two)
    wider = np.pad(ids, ((0, 0), (0, 9))), np.pad(mask, ((0, 0), (0, 9)))
    again = hide(*wider)
    np.testing.assert_array_equal(again.ids[:, :40], whole.ids)
    other = hide_words(ids, mask, 0 * ids, np.arange(len(ids)), masking(), (7, 1))
    assert (other.places != whole.places).any()


def test_short_and_empty_texts():
    ids = np.array([[2, 3, 0], [2, 8, 3], [0, 0, 0]], "int32")
    found = hide(ids, ids > 0)
    assert found.asked.sum(axis=1).tolist() == [0, 1, 0]
    assert found.places[1].tolist() == [1] and found.labels[1].tolist() == [8]


@pytest.mark.parametrize("option", [{"share": 0}, {"hidden": 2}, {"random": -0.1}])
def test_shares_out_of_range_are_named(option):
    with pytest.raises(ConfigError, match=f"{next(iter(option))} must be a number in"):
        masking(**option)
