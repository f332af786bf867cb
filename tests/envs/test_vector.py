import numpy as np
import pytest

from nutgraf.arrays import EOS, PAD
from nutgraf.envs.text_generation import TextGenerationEnv
from nutgraf.envs.vector import TextGenerationVectorEnv


@pytest.mark.parametrize("settings", [{}, {"chunk": 2}, {"shaped": True}])
def test_equals_single_environments(codec, rows, reward, settings):
    envs = TextGenerationVectorEnv(3, rows, codec, reward, **settings)
    seen, _ = envs.reset(seed=0, options={"rows": [0, 2, 4]})
    assert envs.observation_space.contains(seen)
    singles = [TextGenerationEnv(rows, codec, reward, **settings) for _ in range(3)]
    for env, row in zip(singles, (0, 2, 4), strict=True):
        env.reset(options={"row": row})
    random = np.random.default_rng(0)
    over = np.zeros(3, bool)
    for _ in range(8):
        actions = random.integers(EOS, 12, envs.action_space.shape)
        seen, rewards, ended, cut, infos = envs.step(actions)
        for number, env in enumerate(singles):
            if over[number]:
                continue
            one, earned, *flags, info = env.step(actions[number])
            for name in one:
                np.testing.assert_array_equal(seen[name][number], one[name])
            assert rewards[number] == pytest.approx(earned)
            assert [ended[number], cut[number]] == flags
            if any(flags):
                assert infos["_text"][number] and infos["text"][number] == info["text"]
                over[number] = True
        if over.all():
            break
    assert over.all()


def test_a_new_text_follows_an_ended_one(codec, rows, reward):
    envs = TextGenerationVectorEnv(2, rows, codec, reward)
    envs.reset(seed=0)
    seen, _, ended, _, _ = envs.step(np.array([EOS, 7]))
    assert ended.tolist() == [True, False]
    seen, rewards, ended, cut, infos = envs.step(np.array([9, 8]))  # 9 is ignored
    assert rewards.tolist() == [0.0, 0.0]
    assert not (ended | cut).any() and infos == {}
    assert seen["actions"][0].tolist() == [PAD] * 8
    assert seen["actions"][1].tolist()[:3] == [7, 8, PAD]
    seen, *_ = envs.step(np.array([9, 8]))
    assert seen["actions"][0, 0] == 9


def test_all_that_end_are_judged_in_one_call(codec, rows):
    calls = []

    def count(prompts, completions, references, rows=None):
        calls.append(len(completions))
        return [0.0] * len(completions)

    envs = TextGenerationVectorEnv(4, rows, codec, count)
    envs.reset(seed=0)
    envs.step(np.array([EOS, EOS, 7, EOS]))
    assert calls == [3]


def test_the_seed_fixes_the_rows(codec, rows, reward):
    def sources(seed):
        envs = TextGenerationVectorEnv(4, rows, codec, reward)
        first, _ = envs.reset(seed=seed)
        envs.step(np.full(4, EOS))
        second, *_ = envs.step(np.full(4, EOS))
        return np.concatenate([first["source"], second["source"]])

    np.testing.assert_array_equal(sources(1), sources(1))
    assert (sources(1) != sources(2)).any()
