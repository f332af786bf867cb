"""The plain PyTorch side of benchmarks: the same encoder-decoder, run eagerly.

Written as one would by hand today: pre-norm blocks, fused attention, tied embeddings,
fused AdamW, no compilation. It has the same weights, one for one, as `nutgraf.models`,
so both do the same arithmetic. Imports nothing of nutgraf.
"""

from __future__ import annotations

import math
import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAD, BOS, EOS = 0, 1, 2


def positions(length: int, width: int) -> Tensor:
    """Return (length, width) sinusoidal positions, sines first."""
    rates = 10000.0 ** (-2.0 * np.arange(width // 2) / width)
    angles = np.arange(length)[:, None] * rates[None, :]
    return torch.tensor(np.concatenate([np.sin(angles), np.cos(angles)], 1)).float()


class Attention(nn.Module):
    """Multi-head attention on PyTorch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (
            nn.Linear(width, width) for _ in range(4)
        )

    def forward(
        self, x: Tensor, y: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Attend from x (B, Q, D) to y (B, L, D)."""
        query, key, value = (
            layer(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, states in ((self.query, x), (self.key, y), (self.value, y))
        )
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal
        )
        return self.output(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A pre-norm block; a decoder's also attends to the source."""

    def __init__(
        self, width: int, heads: int, hidden: int, dropout: float, cross: bool
    ) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.cross = Attention(width, heads) if cross else None
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 + cross))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None, source: Tensor | None, causal: bool
    ) -> Tensor:
        """Transform (B, L, D) states; `mask` (B, 1, 1, S) of the source."""
        normed = self.norms[0](x)
        own = None if causal else mask
        x = x + self.dropout(self.attention(normed, normed, own, causal))
        if self.cross is not None:
            x = x + self.dropout(self.cross(self.norms[2](x), source, mask))
        return x + self.dropout(self.feed_forward(self.norms[1](x)))


class Summarizer(nn.Module):
    """Encoder-decoder with tied embeddings and, if asked for, a copy head.

    Args:
        config: the fields of `nutgraf.models.config.ModelConfig`.
    """

    def __init__(self, config: dict) -> None:
        super().__init__()
        width = config["width"]
        sizes = (width, config["heads"], config["feed_forward"], config["dropout"])
        self.embedding = nn.Embedding(config["vocabulary_size"], width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.encoder = nn.ModuleList(
            Block(*sizes, cross=False) for _ in range(config["encoder_layers"])
        )
        self.decoder = nn.ModuleList(
            Block(*sizes, cross=True) for _ in range(config["decoder_layers"])
        )
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.copy_head = None
        if config["copy"]:
            self.copy_head = nn.ModuleDict(
                {
                    "query": nn.Linear(width, width),
                    "key": nn.Linear(width, width),
                    "gate": nn.Linear(width, 1),
                }
            )
        self.dropout = nn.Dropout(config["dropout"])
        longest = max(config["max_source"], config["max_target"]) + 1
        self.register_buffer("positions", positions(longest, width))
        never = torch.zeros(config["vocabulary_size"])
        never[[PAD, BOS]] = -1e9
        self.register_buffer("never", never)
        self.scale = math.sqrt(width)

    def embed(self, ids: Tensor) -> Tensor:
        """Return (B, L, D) embeddings with positions."""
        x = self.embedding(ids) * self.scale + self.positions[: ids.shape[1]]
        return self.dropout(x)

    def forward(
        self, source_ids: Tensor, target_ids: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Return the (B, T) smoothed loss and log-prob of each action, nats."""
        visible = source_ids != PAD
        mask = visible[:, None, None, :]
        source = self.embed(source_ids)
        for block in self.encoder:
            source = block(source, mask, None, causal=False)
        source = self.encoder_norm(source)
        x = self.embed(F.pad(target_ids[:, :-1], (1, 0), value=BOS))
        for block in self.decoder:
            x = block(x, mask, source, causal=True)
        x = self.decoder_norm(x)
        logits = x @ self.embedding.weight.T + self.never
        normaliser = logits.logsumexp(-1)
        log_probs = logits.gather(-1, target_ids[..., None])[..., 0] - normaliser
        mean = logits[..., EOS:].mean(-1) - normaliser
        if self.copy_head is not None:
            log_probs = self.mix(x, source, visible, source_ids, target_ids, log_probs)
        return -(1 - smoothing) * log_probs - smoothing * mean, log_probs

    def mix(
        self,
        x: Tensor,
        source: Tensor,
        visible: Tensor,
        source_ids: Tensor,
        target_ids: Tensor,
        log_probs: Tensor,
    ) -> Tensor:
        """Return the log-probs of the mixture with copying."""
        query = self.copy_head["query"](x) / self.scale
        scores = query @ self.copy_head["key"](source).transpose(1, 2)
        weights = scores.masked_fill(~visible[:, None], -1e9).softmax(-1)
        same = source_ids[:, None, :] == target_ids[..., None]
        total = (weights * same).sum(-1)
        positive = total > 1e-30
        copied = torch.where(positive, total, 1.0).log()
        copied = torch.where(positive, copied, -1e9)
        gate = self.copy_head["gate"](x)[..., 0]
        return torch.logaddexp(
            log_probs + F.logsigmoid(gate), copied + F.logsigmoid(-gate)
        )


PARTS = {
    "attention": "self_attention",
    "cross": "cross_attention",
    "norms.0": "self_attention_norm",
    "norms.1": "feed_forward_norm",
    "norms.2": "cross_attention_norm",
    "feed_forward.0": "feed_forward/expand",
    "feed_forward.2": "feed_forward/reduce",
}


def our_name(name: str) -> str:
    """Return nutgraf's name of a weight of `Summarizer`."""
    if name == "embedding.weight":
        return "embedding/embeddings"
    name, _, kind = name.rpartition(".")
    block = re.fullmatch(r"(encoder|decoder)\.(\d+)\.(.+)", name)
    if block:
        part = block[3]
        for own, other in PARTS.items():
            part = part.replace(own, other)
        name = f"{block[1]}_{block[2]}/{part}"
    name = name.replace(".", "/")
    if name.endswith("norm"):
        return f"{name}/{'gamma' if kind == 'weight' else 'beta'}"
    return f"{name}/{'kernel' if kind == 'weight' else 'bias'}"


def load(model: Summarizer, weights: dict[str, np.ndarray]) -> None:
    """Put in weights under nutgraf's names, kernels as (inputs, outputs)."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            ours = our_name(name)
            value = torch.from_numpy(weights[ours])
            parameter.copy_(value.T if ours.endswith("kernel") else value)
