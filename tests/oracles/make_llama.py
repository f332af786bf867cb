"""Write tests/models/frozen/llama*.npz: what Hugging Face's Llama computes.

    python3 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 transformers==5.23.0
    /tmp/oracle/bin/python tests/oracles/make_llama.py

It needs its own environment and imports nothing of nutgraf. A file holds the random
weights of a tiny model under nutgraf's names, source ids of several lengths, the logits
of given targets after each source and the separator, and what greedy and beam search
of 4 find from prompts that are padded on the left. In llama_grouped.npz two heads of
queries share one of keys and values.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

COMMAND = "python tests/oracles/make_llama.py"
FROZEN = Path(__file__).parents[1] / "models" / "frozen"
PAD, BOS, EOS = 0, 1, 2
ROWS, SOURCE, TARGET, LENGTH, BEAMS = 5, 11, 9, 24, 4
SEED = 3  # its texts differ from each other; most end before LENGTH

# the same sizes under nutgraf's names
OURS = {
    "vocabulary_size": 40,
    "width": 16,
    "heads": 4,
    "feed_forward": 24,
    "encoder_layers": 0,
    "decoder_layers": 3,
    "dropout": 0.0,
    "copy": False,
    "max_source": 16,
    "max_target": LENGTH,
    "architecture": "decoder-only",
    "tied": False,
}
CASES = {"llama": OURS, "llama_grouped": {**OURS, "key_value_heads": 2}}

PARTS = {
    "self_attn": "self_attention",
    "mlp": "feed_forward",
    "input_layernorm": "self_attention_norm",
    "post_attention_layernorm": "feed_forward_norm",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "o_proj": "output",
    "gate_proj": "gate",
    "up_proj": "expand",
    "down_proj": "reduce",
}

WHOLE = {
    "model.embed_tokens.weight": "embedding/embeddings",
    "model.norm.weight": "final_norm/scale",
    "lm_head.weight": "output/embeddings",
}


def our_name(name: str) -> str:
    """Return nutgraf's name of a Llama weight.

    Args:
        name: as in `model.named_parameters()`.

    Returns:
        As in `nutgraf.models.checkpoint.weight_names`.
    """
    if name in WHOLE:
        return WHOLE[name]
    number, rest = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.weight", name).groups()
    parts = [PARTS[part] for part in rest.split(".")]
    kind = "scale" if parts[-1].endswith("norm") else "kernel"
    return "/".join([f"block_{number}", *parts, kind])


def random_model(ours: dict) -> LlamaForCausalLM:
    """Make the model: each weight random, norms too, exact in float16.

    Args:
        ours: its settings under nutgraf's names.

    Returns:
        The model, in float32.
    """
    config = LlamaConfig(
        vocab_size=OURS["vocabulary_size"],
        hidden_size=OURS["width"],
        intermediate_size=OURS["feed_forward"],
        num_hidden_layers=OURS["decoder_layers"],
        num_attention_heads=OURS["heads"],
        num_key_value_heads=ours.get("key_value_heads", ours["heads"]),
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        hidden_act="silu",
        attention_bias=False,
        mlp_bias=False,
        tie_word_embeddings=False,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return randomised(LlamaForCausalLM(config), "lm_head.weight")


def randomised(model: torch.nn.Module, output: str, seed: int = SEED) -> Any:
    """Draw each weight anew: matrices around 0, scales of norms around 1.

    Args:
        model: any model.
        output: name of its output weights.
        seed: of the draws.

    Returns:
        The model, in evaluation mode.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            scale = 0.3 if weight.ndim > 1 else 0.1
            drawn = torch.randn(weight.shape, generator=generator) * scale
            if weight.ndim == 1 and not name.endswith("bias"):
                drawn = drawn + 1.0
            if name == output:
                drawn[EOS] *= 2.0  # random texts would hardly ever end
            weight.copy_(drawn.half().float())
    return model.eval()


def random_ids() -> tuple[np.ndarray, np.ndarray]:
    """Return source ids of several lengths, padded on the right, and target ids."""
    rng = np.random.default_rng(0)
    source = rng.integers(EOS + 1, OURS["vocabulary_size"], (ROWS, SOURCE))
    lengths = np.array([SOURCE, 4, 7, 1, 9])
    source[np.arange(SOURCE) >= lengths[:, None]] = PAD
    return source, rng.integers(EOS, OURS["vocabulary_size"], (ROWS, TARGET))


def named_weights(model: LlamaForCausalLM) -> dict[str, np.ndarray]:
    """Return the weights under nutgraf's names, kernels as (inputs, outputs)."""
    named = {}
    for name, weight in model.named_parameters():
        ours = our_name(name)
        value = weight.detach().numpy()
        value = value.T if ours.endswith("kernel") else value
        named[f"weights/{ours}"] = np.ascontiguousarray(value, dtype=np.float16)
    return named


def logits_of(model: Any, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the logits of each target token, a row at a time: nothing is padded."""
    rows = []
    for ids, wanted in zip(source, target, strict=True):
        text = [*ids[ids != PAD], BOS, *wanted[:-1]]
        logits = model(input_ids=torch.tensor([text])).logits[0]
        rows.append(logits[-TARGET:].numpy())
    return np.stack(rows)


def searched(model: Any, source: np.ndarray, beams: int) -> dict:
    """Return the texts (without the prompt) and the sum of their log-probs."""
    prompts = np.full((ROWS, SOURCE + 1), PAD)
    for prompt, ids in zip(prompts, source, strict=True):
        text = [*ids[ids != PAD], BOS]
        prompt[-len(text) :] = text  # padded on the left, as generation wants it
    found = model.generate(
        input_ids=torch.tensor(prompts),
        attention_mask=torch.tensor(prompts != PAD).long(),
        num_beams=beams,
        do_sample=False,
        max_new_tokens=LENGTH,
        length_penalty=0.0,
        early_stopping=beams > 1,
        suppress_tokens=[PAD, BOS],
        renormalize_logits=True,
        output_scores=True,
        return_dict_in_generate=True,
    )
    actions = np.full((ROWS, LENGTH), PAD, np.int32)
    texts = found.sequences[:, SOURCE + 1 :].tolist()
    for row, text in zip(actions, texts, strict=True):
        kept = text[: text.index(EOS) + 1] if EOS in text else text
        row[: len(kept)] = kept
    name = "greedy" if beams == 1 else "beam"
    result = {f"{name}/actions": actions}
    if beams > 1:
        result["beam/scores"] = found.sequences_scores.numpy()
    return result


def freeze(name: str, ours: dict, model: Any, weights: dict, command: str) -> None:
    """Write a file.

    Args:
        name: of the file.
        ours: settings of the model under nutgraf's names.
        model: the model.
        weights: under nutgraf's names.
        command: which makes the file again.
    """
    source, target = random_ids()
    with torch.no_grad():
        logits = logits_of(model, source, target)
        texts = searched(model, source, 1) | searched(model, source, BEAMS)
    made = {
        "command": command,
        "package": "transformers",
        "version": transformers.__version__,
        "torch": torch.__version__,
        "config": ours,
        "beams": BEAMS,
    }
    FROZEN.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        FROZEN / f"{name}.npz",
        about=json.dumps(made),
        source_ids=source.astype(np.int32),
        target_ids=target.astype(np.int32),
        logits=logits,
        **texts,
        **weights,
    )


def main() -> None:
    """Write the files."""
    for name, ours in CASES.items():
        model = random_model(ours)
        freeze(name, ours, model, named_weights(model), COMMAND)


if __name__ == "__main__":
    main()
