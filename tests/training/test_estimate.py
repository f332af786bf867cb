import pytest

from nutgraf.models.config import ModelConfig
from nutgraf.testing.toys import toy_policy
from nutgraf.training.estimate import machine_flops, step_flops

DECODER_ONLY = {"architecture": "decoder-only"}


def test_six_flops_for_each_weight_and_token(tokenizer):
    """All matrices of the real model, where source and target are equally long."""
    for changes in ({"copy": True}, {"copy": False}, DECODER_ONLY):
        policy = toy_policy(tokenizer, **changes)
        both = 2 if "architecture" in changes else 1  # blocks read source and target
        weights = sum(
            int(variable.value.shape[0] * variable.value.shape[1])
            * (1 if "embedding" in variable.path else both)
            for variable in policy.variables
            if len(variable.shape) == 2
        )
        copy = policy.model.config.copy
        gate = policy.model.config.width if copy else 0  # a vector, left out
        found = step_flops(policy.model.config, 7, 7)
        assert found == pytest.approx(6 * 7 * (weights - gate))


def test_more_tokens_and_a_larger_model_cost_more():
    small, large = (ModelConfig(8192, width=size) for size in (128, 256))
    assert step_flops(small, 200, 10) == pytest.approx(2 * step_flops(small, 100, 5))
    assert step_flops(large, 100, 5) > 2 * step_flops(small, 100, 5)
    extra = step_flops(small, 100, 6) - step_flops(small, 100, 5)
    assert extra > 6 * 8192 * 128  # the vocabulary is projected for targets


def test_a_machine_does_between_a_megaflop_and_an_exaflop():
    assert 1e6 < machine_flops(128, 2) < 1e18
