import pytest

from nutgraf.models.bert_config import BertConfig
from nutgraf.models.config import ModelConfig
from nutgraf.models.recurrent_config import RECURRENT
from nutgraf.testing.toys import toy_policy
from nutgraf.training.estimate import machine_flops, step_flops

DECODER_ONLY = {"architecture": "decoder-only"}


def test_six_flops_for_each_weight_and_token(tokenizer):
    """All matrices of the real model, where source and target are equally long."""
    grouped = {**DECODER_ONLY, "key_value_heads": 1}
    gpt2 = {**DECODER_ONLY, "block": "gpt2"}
    for changes in ({"copy": True}, {"copy": False}, DECODER_ONLY, grouped, gpt2):
        policy = toy_policy(tokenizer, **changes)
        both = 2 if "architecture" in changes else 1  # blocks read source and target
        weights = sum(
            int(variable.value.shape[0] * variable.value.shape[1])
            * (1 if "embedding" in variable.path else both)
            for variable in policy.variables
            if len(variable.shape) == 2 and "positions" not in variable.path
        )
        copy = policy.model.config.copy
        gate = policy.model.config.width if copy else 0  # a vector, left out
        found = step_flops(policy.model.config, 7, 7)
        assert found == pytest.approx(6 * 7 * (weights - gate))


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_models_are_counted_where_their_tokens_pass(tokenizer, kind):
    """Encoder and keys at source tokens, the rest at target tokens; no bridges."""
    policy = toy_policy(tokenizer, architecture=kind, copy=False, encoder_layers=2)
    read = written = 0
    for variable in policy.variables:
        path, shape = variable.path, variable.shape
        if len(shape) < 2 or shape[1] == 1 or path.endswith("/bias"):
            continue  # biases and vectors are left out
        size = int(shape[0] * shape[1])
        if "/encoder_" in path or "/key/" in path:
            read += size
        elif "/bridge_" not in path:
            written += size
    config = policy.model.config
    assert step_flops(config, 7, 0) == 6 * 7 * read
    assert step_flops(config, 0, 5) == 6 * 5 * written


def test_a_bert_is_counted_by_its_blocks():
    config = BertConfig(100, width=8, heads=2, feed_forward=16, layers=3)
    assert step_flops(config, 7, 0) == 6 * 7 * 3 * (4 * 8 * 8 + 2 * 8 * 16)


def test_more_tokens_and_a_larger_model_cost_more():
    small, large = (ModelConfig(8192, width=size) for size in (128, 256))
    assert step_flops(small, 200, 10) == pytest.approx(2 * step_flops(small, 100, 5))
    assert step_flops(large, 100, 5) > 2 * step_flops(small, 100, 5)
    extra = step_flops(small, 100, 6) - step_flops(small, 100, 5)
    assert extra > 6 * 8192 * 128  # the vocabulary is projected for targets


def test_a_machine_does_between_a_megaflop_and_an_exaflop():
    assert 1e6 < machine_flops(128, 2) < 1e18
