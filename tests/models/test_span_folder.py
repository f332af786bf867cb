import json

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.bert_folder import save_bert
from nutgraf.models.checkpoint import check_folder, load_policy, save_policy
from nutgraf.models.span_folder import load_span_policy, start_span_policy
from nutgraf.models.span_settings import WindowSettings
from tests.models.span_toys import toy_questions, toy_span_policy


@pytest.fixture
def policy():
    return toy_span_policy()


def weights(policy):
    return to_numpy([variable.value for variable in policy.variables])


def test_weights_tokenizer_and_windows_come_back(policy, tmp_path):
    save_policy(tmp_path / "m", policy, card={"steps": 2})
    again = load_span_policy(tmp_path / "m")
    assert again.codec.windows == policy.codec.windows
    assert again.codec.fingerprint == policy.codec.fingerprint
    for one, two in zip(weights(policy), weights(again), strict=True):
        np.testing.assert_array_equal(one, two)
    assert check_folder(tmp_path / "m") == []
    changed = load_span_policy(tmp_path / "m", WindowSettings(20, 4, 3))
    assert changed.codec.max_answer == 3
    batch = again.codec.batch(toy_questions())
    assert again.codec.render(batch, batch.target_ids[:, None])[0] == "red house"


def test_other_values_are_saved_and_leave_no_trace(policy, tmp_path):
    before = weights(policy)
    policy.save(tmp_path / "m", [value + 1 for value in before])
    for one, two, three in zip(
        before, weights(policy), weights(load_span_policy(tmp_path / "m")), strict=True
    ):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one + 1, three)


def test_a_start_has_a_head_or_gets_one(policy, tmp_path):
    save_policy(tmp_path / "spans", policy)
    save_bert(tmp_path / "bert", policy.model.bert, policy.codec.tokenizer)
    same = start_span_policy(tmp_path / "spans")
    np.testing.assert_array_equal(weights(same)[-2], weights(policy)[-2])
    one, two, three = (
        start_span_policy(tmp_path / "bert", WindowSettings(20, 4), seed)
        for seed in (1, 1, 2)
    )
    assert one.codec.max_source == 20
    np.testing.assert_array_equal(weights(one)[0], weights(policy)[0])
    assert (weights(one)[-2] == weights(two)[-2]).all()
    assert (weights(one)[-2] != weights(three)[-2]).any()
    assert start_span_policy(tmp_path / "bert").codec.max_source == 24  # its positions


def test_mistakes_are_named(policy, tmp_path):
    save_bert(tmp_path / "bert", policy.model.bert, policy.codec.tokenizer)
    with pytest.raises(ModelError, match="Train a span head on this BERT first"):
        load_span_policy(tmp_path / "bert")
    with pytest.raises(ConfigError, match="at most 24, the positions"):
        start_span_policy(tmp_path / "bert", WindowSettings(25))
    with pytest.raises(ModelError, match="with --task extract"):
        load_policy(tmp_path / "bert")
    save_policy(tmp_path / "spans", policy)
    (tmp_path / "spans" / "windows.json").write_text(json.dumps({"size": 3}))
    with pytest.raises(ModelError, match="length, overlap and answer. Received"):
        load_span_policy(tmp_path / "spans")
