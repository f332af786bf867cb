"""Write tests/models/frozen/gpt2.npz: what Hugging Face's GPT-2 computes.

    python3 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 transformers==5.23.0
    /tmp/oracle/bin/python tests/oracles/make_gpt2.py

It needs its own environment and imports nothing of nutgraf. The file holds what
make_llama.py describes: weights, logits, greedy and beam texts. GPT-2 has the
projections of queries, keys and values in one matrix; nutgraf has three.
"""

from __future__ import annotations

import re

import numpy as np
from make_llama import BOS, EOS, OURS, PAD, freeze, randomised
from transformers import GPT2Config, GPT2LMHeadModel

COMMAND = "python tests/oracles/make_gpt2.py"
SEED = 1  # its texts differ from each other; most end before the limit
GPT2 = {**OURS, "block": "gpt2", "tied": True}

PARTS = {
    "ln_1": "self_attention_norm",
    "ln_2": "feed_forward_norm",
    "attn.c_proj": "self_attention/output",
    "mlp.c_fc": "feed_forward/expand",
    "mlp.c_proj": "feed_forward/reduce",
}

WHOLE = {
    "transformer.wte.weight": "embedding/embeddings",
    "transformer.wpe.weight": "positions/embeddings",
    "transformer.ln_f.weight": "final_norm/gamma",
    "transformer.ln_f.bias": "final_norm/beta",
}


def random_model() -> GPT2LMHeadModel:
    """Make the model: each weight random, norms and biases too."""
    config = GPT2Config(
        vocab_size=GPT2["vocabulary_size"],
        n_positions=GPT2["max_source"] + GPT2["max_target"],
        n_embd=GPT2["width"],
        n_layer=GPT2["decoder_layers"],
        n_head=GPT2["heads"],
        n_inner=GPT2["feed_forward"],
        activation_function="gelu_new",
        layer_norm_epsilon=1e-5,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return randomised(GPT2LMHeadModel(config), "transformer.wte.weight", SEED)


def named_weights(model: GPT2LMHeadModel) -> dict[str, np.ndarray]:
    """Return the weights under nutgraf's names; kernels are (inputs, outputs) here.

    Args:
        model: the model.

    Returns:
        float16 arrays.
    """
    named = {}
    for name, weight in model.named_parameters():
        value = weight.detach().numpy()
        if name in WHOLE:
            named[WHOLE[name]] = value
            continue
        number, part, kind = re.fullmatch(
            r"transformer\.h\.(\d+)\.(.+)\.(weight|bias)", name
        ).groups()
        block = f"block_{number}"
        if part == "attn.c_attn":
            kind = "kernel" if kind == "weight" else kind
            for ours, third in zip(
                ("query", "key", "value"), np.split(value, 3, axis=-1), strict=True
            ):
                named[f"{block}/self_attention/{ours}/{kind}"] = third
            continue
        norm = {"weight": "gamma", "bias": "beta"}
        kind = norm[kind] if part.startswith("ln") else kind.replace("weight", "kernel")
        named[f"{block}/{PARTS[part]}/{kind}"] = value
    return {
        f"weights/{name}": np.ascontiguousarray(value, dtype=np.float16)
        for name, value in named.items()
    }


def main() -> None:
    """Write the file."""
    model = random_model()
    freeze("gpt2", GPT2, model, named_weights(model), COMMAND)


if __name__ == "__main__":
    main()
