import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from nutgraf.arrays import BOS, EOS, PAD
from nutgraf.envs.register import NAMES
from nutgraf.envs.text_generation import TextGenerationEnv
from nutgraf.errors import ConfigError


@pytest.mark.parametrize("settings", [{}, {"chunk": 3}, {"shaped": True, "length": 5}])
def test_gymnasium_has_nothing_to_say(codec, rows, reward, settings):
    """Registered, it is also made anew, rendered and closed by the checker."""
    name = f"nutgraf.envs.register:{NAMES['summarize']}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(name, rows=rows, codec=codec, reward=reward, **settings)
        check_env(env.unwrapped)


def test_writing_the_reference_earns_all(codec, rows, reward, right):
    env = TextGenerationEnv(rows, codec, reward, render_mode="ansi")
    seen, info = env.reset(seed=0, options={"row": 2})
    assert info["id"] == rows[2].id
    document = codec.tokenizer.encode(rows[2].document)
    assert seen["source"][: len(document)].tolist() == document
    for number, action in enumerate(right[2]):
        seen, earned, terminated, truncated, info = env.step(action)
        assert seen["taken"] == number + 1
        assert terminated == (action == EOS) and not truncated
        assert earned == float(terminated)
    assert info["text"] == env.render() == rows[2].references[0]


def test_a_full_text_is_truncated(codec, rows, reward):
    env = TextGenerationEnv(rows, codec, reward, length=2)
    env.reset(seed=0)
    assert env.step(7)[2:4] == (False, False)
    assert env.step(7)[2:4] == (False, True)
    env.reset()
    env.step(7)
    assert env.step(EOS)[2:4] == (True, False)  # the end action fits


def test_the_seed_fixes_the_rows_and_nothing_else_does(codec, rows, reward):
    def ids(seed, disturb):
        env = TextGenerationEnv(rows, codec, reward)
        found = [env.reset(seed=seed)[1]["id"]]
        for _ in range(9):
            np.random.seed(disturb)  # the global generator is not used
            found.append(env.reset()[1]["id"])
        return found

    assert ids(3, 0) == ids(3, 1)
    assert ids(3, 0) != ids(4, 0)


def test_the_mask_leaves_out_what_writes_nothing(codec, rows, reward):
    env = TextGenerationEnv(rows, codec, reward)
    _, info = env.reset(seed=0)
    mask = info["action_mask"]
    assert np.flatnonzero(mask == 0).tolist() == [PAD, BOS]
    env.action_space.seed(0)
    assert min(env.action_space.sample(mask) for _ in range(500)) >= EOS


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"chunk": 0}, "chunk must be at least 1"), ({"length": 99}, "1 <= length <= 8")],
)
def test_settings_are_checked(codec, rows, reward, settings, message):
    with pytest.raises(ConfigError, match=message):
        TextGenerationEnv(rows, codec, reward, **settings)


def test_a_row_that_is_none_is_told(codec, rows, reward):
    env = TextGenerationEnv(rows, codec, reward)
    with pytest.raises(ConfigError, match=r'options\["row"\] must be 0 to 5'):
        env.reset(options={"row": 6})


@pytest.mark.slow
def test_another_library_learns_in_it(codec, rows, reward):
    """PPO of Stable-Baselines3 (it needs PyTorch) learns to write the reference."""
    stable = pytest.importorskip("stable_baselines3")
    env = TextGenerationEnv(rows[:1], codec, reward, shaped=True)
    assert isinstance(env, gymnasium.Env)

    def mean_return(choose):
        returns = []
        for number in range(40):
            seen, _ = env.reset(seed=number)
            total, over = 0.0, False
            while not over:
                seen, earned, ended, cut, _ = env.step(choose(seen))
                total, over = total + earned, ended or cut
            returns.append(total)
        return np.mean(returns)

    env.action_space.seed(0)
    before = mean_return(lambda seen: env.action_space.sample())
    agent = stable.PPO("MultiInputPolicy", env, n_steps=512, seed=0, device="cpu")
    agent.learn(30_000)
    after = mean_return(lambda seen: int(agent.predict(seen, deterministic=True)[0]))
    assert before < 0.1
    assert after > before + 0.2
