"""What is written, when it ends, and that it earns what a rollout earns."""

import numpy as np
import pytest

from nutgraf.arrays import EOS, PAD, Processors, Rollout
from nutgraf.envs.episodes import Episodes
from nutgraf.errors import ConfigError
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rl.rollouts import rewarded


def play(episodes, actions):
    """Write (n, T) actions to their end; return the return of each text."""
    which = np.arange(len(actions))
    total = np.zeros(len(actions))
    over = np.zeros(len(actions), bool)
    for step in range(actions.shape[1]):
        going = which[~over]
        if not len(going):
            break
        rewards, ended, cut = episodes.advance(going, actions[going, step : step + 1])
        total[going] += rewards
        over[going] = ended | cut
    assert over.all()
    return total


@pytest.fixture
def drawn(codec, rows):
    """Six texts: random actions, the end at a random place or nowhere."""
    random = np.random.default_rng(0)
    actions = random.integers(3, codec.tokenizer.vocabulary_size, (6, 8))
    for number, end in enumerate((0, 2, 5, 7, None, None)):
        if end is not None:
            actions[number, end] = EOS
    return actions.astype("int32")


@pytest.mark.parametrize("shaped", [False, True])
def test_returns_are_those_of_a_rollout_of_the_same_actions(
    codec, rows, drawn, right, shaped
):
    actions = drawn.copy()
    actions[4] = PAD
    actions[4, : len(right[4])] = right[4]  # one that earns something
    mask = np.cumsum(np.cumsum(actions == EOS, axis=1), axis=1) <= 1
    rollout = Rollout(
        codec.batch(rows),
        np.where(mask, actions, PAD)[:, None],
        np.zeros((6, 1, 8)),
        mask[:, None],
        ended=(actions == EOS).any(1)[:, None],
        truncated=~(actions == EOS).any(1)[:, None],
        processors=Processors(),
    )
    texts = codec.render(rollout.batch, rollout.actions)
    expected = rewarded(rollout, texts, rows, RougeReward())[0].rewards[:, 0]
    episodes = Episodes(rows, codec, RougeReward(), 6, shaped=shaped)
    episodes.start(np.arange(6), np.arange(6))
    found = play(episodes, actions)  # the empty text is worth 0 in ROUGE
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert expected[4] == pytest.approx(1.0)
    np.testing.assert_array_equal(episodes.actions, rollout.actions[:, 0])


def test_shaping_pays_each_word_and_takes_the_empty_text_off(codec, rows, right):
    def short(prompts, completions, references, rows=None):
        return [1.0 - 0.1 * len(text.split()) for text in completions]

    episodes = Episodes(rows, codec, short, shaped=True)
    episodes.start(np.array([0]), np.array([0]))
    earned = []
    for action in right[0]:
        reward, ended, _ = episodes.advance(np.array([0]), np.array([[action]]))
        earned.append(float(reward[0]))
    words = len(rows[0].references[0].split())
    assert ended[0]
    assert sum(earned) == pytest.approx((1.0 - 0.1 * words) - 1.0)
    assert min(earned) == pytest.approx(-0.1)  # each word costs when it is written


def test_a_chunk_ends_where_the_end_is(codec, rows, reward):
    episodes = Episodes(rows, codec, reward)
    episodes.start(np.array([0]), np.array([0]))
    _, ended, cut = episodes.advance(np.array([0]), np.array([[7, EOS, 9]]))
    assert (ended[0], cut[0]) == (True, False)
    assert episodes.actions[0].tolist() == [7, EOS, 0, 0, 0, 0, 0, 0]
    episodes.start(np.array([0]), np.array([1]))
    for _ in range(3):
        _, ended, cut = episodes.advance(np.array([0]), np.array([[7, 8, 9]]))
    assert (ended[0], cut[0]) == (False, True)
    assert episodes.actions[0].tolist() == [7, 8, 9, 7, 8, 9, 7, 8]


def test_a_reward_that_does_not_apply_is_0(codec, rows):
    episodes = Episodes(rows, codec, lambda *given: [None])
    episodes.start(np.array([0]), np.array([0]))
    reward, ended, _ = episodes.advance(np.array([0]), np.array([[EOS]]))
    assert (reward[0], ended[0]) == (0.0, True)


@pytest.mark.parametrize("settings", [{"length": 0}, {"length": 9}, {"count": 0}])
def test_ranges(codec, rows, reward, settings):
    with pytest.raises(ConfigError, match="1 <= length <= 8"):
        Episodes(rows, codec, reward, **settings)
    with pytest.raises(ConfigError, match="Received: 0 rows"):
        Episodes([], codec, reward)
