import json

import numpy as np
import pytest

from nutgraf.backend import assign, to_numpy
from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.build import new_policy
from nutgraf.models.checkpoint import check_folder, load_policy, save_policy
from nutgraf.models.reward_model import RewardModel, load_reward_model, with_window
from nutgraf.models.texts import actions_of, text_ids
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

TEXTS = ["the red house", "a river", "old old old data"]


def with_head(policy, seed=0):
    """A reward model whose head says something."""
    model = RewardModel(policy)
    random = np.random.default_rng(seed)
    for variable in model.variables[-2:]:
        variable.assign(random.normal(size=variable.shape).astype("float32"))
    return model


def scores(model, texts=TEXTS, length=8, samples=3, prompts=1):
    rows = toy_rows(prompts)
    ids = text_ids(model.codec.tokenizer, texts)
    actions, mask = actions_of([ids] * prompts, samples, length)
    values = weights_of(model)
    found = model.scores(values, model.codec.batch(rows), actions, mask)
    return to_numpy(found)


def test_a_new_one_gives_nothing(policy):
    assert scores(RewardModel(policy)).tolist() == [[0.0] * 3]


def test_the_reward_is_the_mean_of_the_head_over_the_states(policy):
    model = with_head(policy)
    kernel, bias = (np.asarray(one) for one in weights_of(model)[-2:])
    (ids,) = text_ids(model.codec.tokenizer, TEXTS[:1])
    actions = np.int32([[ids]])
    memory = policy.encode(policy.codec.batch(toy_rows(1)))
    states = to_numpy(policy.hidden(memory, actions))[0, 0]
    expected = states.mean(axis=0) @ kernel + bias
    np.testing.assert_allclose(scores(model)[0, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["encoder-decoder", "decoder-only"])
def test_padding_and_company_change_nothing(tokenizer, architecture):
    body = new_policy(
        tokenizer, "tiny", max_source=48, max_target=16, architecture=architecture
    )
    model = with_head(body)
    whole = scores(model, length=16, samples=4, prompts=2)
    assert whole[:, 3].tolist() == [0.0, 0.0]  # no text
    for number, text in enumerate(TEXTS):
        alone = scores(model, [text], length=12, samples=1)
        np.testing.assert_allclose(whole[0, number], alone[0, 0], rtol=1e-4)


def test_saved_and_loaded_it_gives_the_same(policy, tmp_path):
    model = with_head(policy)
    save_policy(tmp_path / "m", model, card={"steps": 3})
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["kind"] == "reward-model"
    assert check_folder(tmp_path / "m") == []
    np.testing.assert_array_equal(
        scores(load_reward_model(tmp_path / "m")), scores(model)
    )


def test_kinds_of_folders_are_not_mixed_up(policy, tmp_path):
    save_policy(tmp_path / "judge", RewardModel(policy))
    save_policy(tmp_path / "writer", policy)
    with pytest.raises(ModelError, match="Name it as a reward: learned:.*judge"):
        load_policy(tmp_path / "judge")
    with pytest.raises(ModelError, match="of the kind 'encoder-decoder'. Train one"):
        load_reward_model(tmp_path / "writer")
    with pytest.raises(ModelError, match="is no folder"):
        load_reward_model(tmp_path / "absent")


def test_a_wider_window_has_the_same_weights(tokenizer):
    policy = toy_policy(tokenizer)
    wider = with_window(policy, max_source=96, max_target=20)
    assert (wider.codec.max_source, wider.codec.max_target) == (96, 20)
    assert wider.codec.source_step == policy.codec.source_step
    np.testing.assert_allclose(
        scores(with_head(wider)), scores(with_head(policy)), rtol=1e-5
    )
    assign(wider.variables, [0 * value for value in weights_of(wider)])
    assert any(value.any() for value in weights_of(policy))
    assert with_window(policy) is policy
    with pytest.raises(ConfigError, match="max_source"):
        with_window(policy, max_source=-1)


@pytest.mark.parametrize(
    "learned",
    [{"positions": "learned"}, {"architecture": "decoder-only", "block": "gpt2"}],
)
def test_learned_positions_keep_their_limits(tokenizer, learned):
    policy = toy_policy(tokenizer, **learned)
    assert with_window(policy, 48, 12) is policy
    with pytest.raises(ConfigError, match="max_source=48 and max_text=12.*text=20. L"):
        with_window(policy, max_target=20)
