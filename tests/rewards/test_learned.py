"""A reward model as a reward: the same numbers in any company, by name, in a pool."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.checkpoint import save_policy
from nutgraf.models.reward_model import RewardModel
from nutgraf.models.texts import actions_of, text_ids
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.learned import LearnedReward
from nutgraf.rewards.parse import parse_parts
from nutgraf.rewards.registry import make_part
from nutgraf.testing.toys import WORDS, toy_policy, toy_rows, weights_of


def random_model(tokenizer, seed):
    small = {"width": 16, "feed_forward": 32, "decoder_layers": 1, "max_target": 32}
    model = RewardModel(toy_policy(tokenizer, seed, **small))
    random = np.random.default_rng(seed)
    for variable in model.variables[-2:]:
        variable.assign(random.normal(size=variable.shape).astype("float32"))
    return model


@pytest.fixture(scope="module")
def model(tokenizer):
    return random_model(tokenizer, 0)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("learned") / "best"
    save_policy(path, model)
    return path


def cases(count, seed=0):
    """Texts of different lengths for prompts of different lengths, some repeated."""
    random = np.random.default_rng(seed)
    prompts = [row.document for row in toy_rows(4, 8)] + ["", "blue " * 40]
    texts = [
        " ".join(random.choice(WORDS, random.integers(0, 12))) for _ in "x" * count
    ]
    return list(random.choice(prompts, count)), texts


def alone(model, prompt, text):
    row = toy_rows(1)[0]._replace(document=prompt)
    ids = text_ids(model.codec.tokenizer, [text])
    actions, mask = actions_of([ids], 1, model.codec.max_target)
    values = weights_of(model)
    return to_numpy(model.scores(values, model.codec.batch([row]), actions, mask))[0, 0]


@pytest.mark.parametrize("count", [1, 7, 70])
def test_it_gives_what_the_model_gives_each_text_alone(model, folder, count):
    prompts, texts = cases(count)
    found = LearnedReward(str(folder), squash=False)(prompts, texts, [[]] * count)
    expected = [
        alone(model, *case) for case in list(zip(prompts, texts, strict=True))[:12]
    ]
    np.testing.assert_allclose(found[:12], expected, rtol=1e-4, atol=1e-5)
    squashed = LearnedReward(str(folder))(prompts, texts, [[]] * count)
    np.testing.assert_allclose(squashed, 1 / (1 + np.exp(-np.array(found))), rtol=1e-6)


def test_few_shapes_are_compiled(folder):
    from nutgraf.rewards.learned import WEIGHTS, _judge

    state = (folder / WEIGHTS).stat()
    judge = _judge(str(folder), (state.st_mtime_ns, state.st_size))
    reward = LearnedReward(str(folder))
    for count in (70, 64, 48):
        reward(*cases(count, seed=count), [[]] * count)
    before = judge.compiled.compilations
    for count in (40, 50, 66):
        reward(*cases(count, seed=count), [[]] * count)
    assert judge.compiled.compilations == before


def test_nothing_is_judged_as_nothing(folder):
    assert LearnedReward(str(folder))([], [], []) == []


def test_a_config_can_name_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    reward = parse_parts(["learned:best=0.5", "repetition=0"])
    (part, weight) = reward.parts["learned"]
    assert part == LearnedReward(str(folder)) and weight == 0.5
    assert make_part("learned:best", "cjk", {"squash": False}).squash is False
    plain = parse_parts([f"learned:{folder}(squash=false)"]).parts["learned"][0]
    assert plain == LearnedReward(str(folder), squash=False)
    values, parts = score_completions(reward, ["p"], ["red"], [[]])
    assert values[0] == pytest.approx(0.5 * parts["learned"][0])


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        ("learned:absent=1", ModelError, "absent, which is no folder"),
        ("learned:starter=1", ModelError, "is no folder"),  # no name, but a folder
        ("learned:best(squash=2)=1", ConfigError, "squash must be true or false"),
        ("learned:best(squish=true)=1", ConfigError, "Did you mean `squash`"),
    ],
)
def test_mistakes_are_named(folder, monkeypatch, part, error, message):
    monkeypatch.chdir(folder.parent)
    with pytest.raises(error, match=message):
        parse_parts([part])


def test_a_model_that_writes_is_no_reward(tokenizer, tmp_path):
    save_policy(tmp_path / "writer", toy_policy(tokenizer))
    with pytest.raises(ModelError, match="kind 'encoder-decoder'. Train one with"):
        LearnedReward(str(tmp_path / "writer"))


def test_it_is_loaded_late_and_from_its_path(folder):
    reward = LearnedReward(str(folder))
    program = (
        "import sys, pickle\n"
        f"reward = pickle.loads({pickle.dumps(reward)!r})\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)\n"
        "print(*reward(['the red house'], ['red'], [[]]))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = reward(["the red house"], ["red"], [[]])
    assert float(done.stdout) == pytest.approx(expected[0], rel=1e-5)


def test_a_folder_that_is_written_anew_is_read_anew(tokenizer, tmp_path):
    reward = None
    values = []
    for seed in (1, 2):
        save_policy(tmp_path / "m", random_model(tokenizer, seed))
        reward = reward or LearnedReward(str(tmp_path / "m"))
        values += reward(["p"], ["red"], [[]])
    assert values[0] != values[1]
