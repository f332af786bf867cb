"""Hugging Face's Pegasus with the weights of a task."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import PegasusConfig, PegasusForConditionalGeneration
from workload import BOS, EOS, PAD, model_config, weights_of

sys.path.append(str(Path(__file__).parents[2] / "tests" / "oracles"))
from make_pegasus import our_name  # noqa: E402


def pegasus(task: dict, attention: str = "sdpa") -> PegasusForConditionalGeneration:
    """Make the model.

    Args:
        task: see `workload.shape_of`; without copy head.
        attention: "sdpa" or "eager".

    Returns:
        The model, in float32, without dropout; the end action is never likely.
    """
    sizes = model_config(task)
    config = PegasusConfig(
        vocab_size=sizes["vocabulary_size"],
        d_model=sizes["width"],
        encoder_layers=sizes["encoder_layers"],
        decoder_layers=sizes["decoder_layers"],
        encoder_attention_heads=sizes["heads"],
        decoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["feed_forward"],
        decoder_ffn_dim=sizes["feed_forward"],
        max_position_embeddings=max(sizes["max_source"], sizes["max_target"]) + 1,
        activation_function="relu",
        scale_embedding=True,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        attn_implementation=attention,
    )
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
