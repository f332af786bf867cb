"""Hugging Face's Pegasus with the weights of a task."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import PegasusForConditionalGeneration
from workload import BOS, PAD, model_config, weights_of

sys.path.append(str(Path(__file__).parents[2] / "tests" / "oracles"))
from make_pegasus import config_of, our_name  # noqa: E402


def pegasus(task: dict, attention: str = "sdpa") -> PegasusForConditionalGeneration:
    """Make the model.

    Args:
        task: see `workload.shape_of`; without copy head.
        attention: "sdpa" or "eager".

    Returns:
        The model, in float32, without dropout; the end action is never likely.
    """
    sizes = model_config(task)
    longest = max(sizes["max_source"], sizes["max_target"]) + 1
    config = config_of(sizes, longest, attn_implementation=attention)
    model = PegasusForConditionalGeneration(config)
    weights = weights_of({**task, "copy": False})
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_positions" in name:
                continue
            value = torch.from_numpy(weights[our_name(name)])
            parameter.copy_(
                value.T if name.endswith("weight") and _dense(name) else value
            )
        model.final_logits_bias[0, [PAD, BOS]] = -1e9
    return model


def _dense(name: str) -> bool:
    return our_name(name).endswith("kernel")
