"""Write tests/models/frozen/pegasus.npz: what Hugging Face's Pegasus computes.

    python3 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 transformers==5.23.0
    /tmp/oracle/bin/python tests/oracles/make_pegasus.py

It needs its own environment and imports nothing of nutgraf. The file holds the random
weights of a tiny model under nutgraf's names, source ids with padding, the log-probs of
given targets, and what greedy and beam search of 4 find.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import PegasusConfig, PegasusForConditionalGeneration

COMMAND = "python tests/oracles/make_pegasus.py"
FROZEN = Path(__file__).parents[1] / "models" / "frozen" / "pegasus.npz"
PAD, BOS, EOS = 0, 1, 2
ROWS, SOURCE, TARGET, LENGTH, BEAMS = 5, 11, 9, 24, 4
LEAN = 0.3
SEED = 23  # its texts differ from each other; most end before LENGTH

# the same sizes under nutgraf's names
OURS = {
    "vocabulary_size": 40,
    "width": 16,
    "heads": 4,
    "feed_forward": 24,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "dropout": 0.0,
    "copy": False,
    "max_source": 16,
    "max_target": LENGTH,
}

PARTS = {
    "self_attn": "self_attention",
    "encoder_attn": "cross_attention",
    "self_attn_layer_norm": "self_attention_norm",
    "encoder_attn_layer_norm": "cross_attention_norm",
    "final_layer_norm": "feed_forward_norm",
    "fc1": "feed_forward/expand",
    "fc2": "feed_forward/reduce",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "output",
}


def our_name(name: str) -> str:
    """Return nutgraf's name of a Pegasus weight.

    Args:
        name: as in `model.named_parameters()`.

    Returns:
        As in `nutgraf.models.checkpoint.weight_names`.
    """
    if name == "model.shared.weight":
        return "embedding/embeddings"
    norm = re.fullmatch(r"model\.(encoder|decoder)\.layer_norm\.(weight|bias)", name)
    if norm:
        return f"{norm[1]}_norm/{'gamma' if norm[2] == 'weight' else 'beta'}"
    side, number, rest = re.fullmatch(
        r"model\.(encoder|decoder)\.layers\.(\d+)\.(.+)", name
    ).groups()
    *parts, kind = rest.split(".")
    if "layer_norm" in parts[-1]:
        kind = "gamma" if kind == "weight" else "beta"
    else:
        kind = "kernel" if kind == "weight" else "bias"
    return "/".join([f"{side}_{number}", *(PARTS[part] for part in parts), kind])


def config_of(ours: dict, positions: int, **more: str) -> PegasusConfig:
    """Return Pegasus' settings for a model of ours without copy head.

    Args:
        ours: fields of `nutgraf.models.config.ModelConfig`.
        positions: longest source or target.
        **more: further settings of `PegasusConfig`.

    Returns:
        The settings; nothing is dropped.
    """
    return PegasusConfig(
        vocab_size=ours["vocabulary_size"],
        d_model=ours["width"],
        encoder_layers=ours["encoder_layers"],
        decoder_layers=ours["decoder_layers"],
        encoder_attention_heads=ours["heads"],
        decoder_attention_heads=ours["heads"],
        encoder_ffn_dim=ours["feed_forward"],
        decoder_ffn_dim=ours["feed_forward"],
        max_position_embeddings=positions,
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
        **more,
    )


def random_model(seed: int = SEED) -> PegasusForConditionalGeneration:
    """Make the model: each weight random, biases and norms too, exact in float16.

    Args:
        seed: of the weights.

    Returns:
        The model, in float32.
    """
    config = config_of(OURS, positions=32)
    model = PegasusForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_positions" in name:
                continue
            scale = 0.5 if weight.ndim > 1 else 0.1
            drawn = torch.randn(weight.shape, generator=generator) * scale
            if "layer_norm.weight" in name:
                drawn = drawn + 1.0
            weight.copy_(drawn.half().float())
        # lean towards the end token: random texts would hardly ever end
        bias = model.model.decoder.layer_norm.bias
        bias.copy_((bias + LEAN * model.model.shared.weight[EOS]).half().float())
        model.final_logits_bias[0, [PAD, BOS]] = -1e9
    return model


def random_ids() -> tuple[np.ndarray, np.ndarray]:
    """Return source ids of several lengths, padded, and target ids."""
    rng = np.random.default_rng(0)
    source = rng.integers(EOS + 1, OURS["vocabulary_size"], (ROWS, SOURCE))
    lengths = np.array([SOURCE, 4, 7, 1, 9])
    source[np.arange(SOURCE) >= lengths[:, None]] = PAD
    return source, rng.integers(EOS, OURS["vocabulary_size"], (ROWS, TARGET))


def named_weights(model: PegasusForConditionalGeneration) -> dict[str, np.ndarray]:
    """Return the weights under nutgraf's names, kernels as (inputs, outputs)."""
    named = {}
    for name, weight in model.named_parameters():
        if "embed_positions" in name or name == "lm_head.weight":
            continue  # fixed, and the embeddings once more
        ours = our_name(name)
        value = weight.detach().numpy()
        value = value.T if ours.endswith("kernel") else value
        named[f"weights/{ours}"] = np.ascontiguousarray(value, dtype=np.float16)
    return named


def searched(model: PegasusForConditionalGeneration, inputs: dict, beams: int) -> dict:
    """Return the texts (without the start token) and the sum of their log-probs."""
    found = model.generate(
        **inputs,
        num_beams=beams,
        do_sample=False,
        max_new_tokens=LENGTH,
        length_penalty=0.0,
        early_stopping=beams > 1,
        output_scores=True,
        return_dict_in_generate=True,
    )
    actions = np.full((ROWS, LENGTH), PAD, np.int32)
    for row, text in zip(actions, found.sequences[:, 1:].tolist(), strict=True):
        # cut after the end: with a padding id of 0 the search fills with the end id
        kept = text[: text.index(EOS) + 1] if EOS in text else text
        row[: len(kept)] = kept
    name = "greedy" if beams == 1 else "beam"
    result = {f"{name}/actions": actions}
    if beams > 1:
        result["beam/scores"] = found.sequences_scores.numpy()
    return result


def main() -> None:
    """Write the file."""
    model = random_model()
    source, target = random_ids()
    ids = torch.tensor(source)
    inputs = {"input_ids": ids, "attention_mask": (ids != PAD).long()}
    first = np.full((ROWS, 1), BOS)
    decoder = torch.tensor(np.concatenate([first, target[:, :-1]], axis=1))
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=decoder).logits
        log_probs = torch.log_softmax(logits, -1).numpy()
        texts = searched(model, inputs, 1) | searched(model, inputs, BEAMS)
    made = {
        "command": COMMAND,
        "package": "transformers",
        "version": transformers.__version__,
        "torch": torch.__version__,
        "config": OURS,
        "beams": BEAMS,
    }
    FROZEN.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        FROZEN,
        about=json.dumps(made),
        source_ids=source.astype(np.int32),
        target_ids=target.astype(np.int32),
        log_probs=log_probs,
        **texts,
        **named_weights(model),
    )


if __name__ == "__main__":
    main()
