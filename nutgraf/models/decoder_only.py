"""A decoder-only Transformer of Llama blocks, and the policy over it.

Touvron et al. 2023, arXiv 2302.13971: RMSNorm, rotary positions in the half-split form,
SwiGLU, no biases. A text is its source, `<bos>` as the separator, the actions, `<eos>`:

    s1 s2 … sn <bos> a1 a2 … <eos>

The source is read once; its G samples share its keys and values and begin with the
separator, at the position that is the true length of their source. Padding of a source,
on the left or on the right, changes nothing. The loss counts actions only. The weights
map one to one onto a Hugging Face Llama model.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.arrays import BOS, PAD
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.categorical import draw_logits
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.llama_block import LlamaBlock, rms_norm
from nutgraf.layers.packing import Grid, Packing
from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.rotary import Rotation, rotation
from nutgraf.layers.rotary_attention import KeysValues
from nutgraf.models.config import ModelConfig
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy

__all__ = ["DecoderOnly", "DecoderOnlyPolicy"]

Array = Any
Memory = dict[str, Any]


class DecoderOnly(keras.Model):
    """Transformer that goes on from a source text.

    As a Keras model it maps `{"source_ids": (B, S), "target_ids": (B, T)}` (inputs that
    begin with `<bos>`) to (B, T, V) float32 log-probs, as `EncoderDecoder` does. `PAD`
    in the source is masked; `PAD` and `BOS` are never predicted. States follow the
    dtype policy; softmax, rotation and log-probs are float32.

    Args:
        config: the settings; its architecture is "decoder-only".

    Reference: Touvron et al. 2023, arXiv 2302.13971.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        """Create all weights at once."""
        super().__init__(**{"name": "decoder_only", **kwargs})
        self.config = config
        policy = self.dtype_policy
        self.embedding = self._table("embedding")
        self.blocks = [
            LlamaBlock(
                config.width,
                config.heads,
                config.feed_forward,
                name=f"block_{number}",
                dtype=policy,
            )
            for number in range(config.decoder_layers)
        ]
        self.final_norm = rms_norm("final_norm", policy)
        self.output_embedding = None if config.tied else self._table("output")
        self.dropout_seeds = keras.random.SeedGenerator()
        self._never = np.zeros(config.vocabulary_size, "float32")
        self._never[[PAD, BOS]] = -1e9
        self.build()

    def _table(self, name: str) -> keras.layers.Embedding:
        return keras.layers.Embedding(
            self.config.vocabulary_size,
            self.config.width,
            name=name,
            dtype=self.dtype_policy,
            embeddings_initializer=keras.initializers.RandomNormal(
                stddev=self.config.width**-0.5
            ),
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        self.embedding.build((None, None))
        for part in (*self.blocks, self.final_norm):
            part.build((None, None, None, self.config.width))
        if self.output_embedding is not None:
            self.output_embedding.build((None, None))
        self.built = True

    def _rotation(self, positions: Array) -> Rotation:
        """(P, L) positions -> cos and sin (P, 1, 1, L, D/H/2)."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        size = self.config.width // self.config.heads
        return rotation(positions[:, None, None, :], size, dtype)

    def encode(
        self, source_ids: Array, source_mask: Array, dropout: Dropout | None = None
    ) -> Memory:
        """Read the sources once.

        Args:
            source_ids: (P, S) int32.
            source_mask: (P, S) bool; padding may be anywhere.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            The memory: source ids, mask, true lengths, and each block's keys and values
            of the source, all with a leading axis P.
        """
        drop = dropout or Dropout(0.0, None)
        mask = ops.cast(source_mask, "bool")
        counts = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        at = self._rotation(ops.maximum(counts - 1, 0))  # padding takes no position
        seen = mask[:, None, None, None, :]  # (P, 1, 1, 1, S)
        visible = ops.logical_and(causal_mask(ops.shape(mask)[1])[None, None], seen)
        x = drop(self.embedding(source_ids)[:, None])  # (P, 1, S, D): one sample
        source = []
        for block in self.blocks[:-1]:
            x, own = block.read(x, at, visible, drop)
            source.append(own)
        # what the last block makes of the source, nobody reads
        source.append(self.blocks[-1].keys_values(x, at))
        return {
            "ids": source_ids,
            "mask": seen,
            "lengths": counts[:, -1],
            "source": source,
        }

    def hidden(
        self,
        memory: Memory,
        actions: Array,
        dropout: Dropout | None = None,
        packing: Packing | None = None,
    ) -> Array:
        """Return the state from which each action is drawn (teacher forcing).

        Args:
            memory: of `encode`.
            actions: (P, G, T) int32.
            dropout: the dropout of this pass; None drops nothing.
            packing: the actions that count, of the P·G·T; None = all.

        Returns:
            (P, G, T, D); state t has read the source, the separator and the actions
            before t.
        """
        first = ops.full_like(actions[..., :1], BOS)
        inputs = ops.concatenate([first, actions[..., :-1]], axis=-1)
        return self._go_on(memory, inputs, dropout, packing)

    def _go_on(
        self,
        memory: Memory,
        inputs: Array,
        dropout: Dropout | None,
        packing: Packing | None = None,
    ) -> Array:
        drop = dropout or Dropout(0.0, None)
        length = ops.shape(inputs)[-1]
        steps = ops.arange(length, dtype="int32")
        at = self._rotation(memory["lengths"][:, None] + steps[None])
        causal = causal_mask(length)[None, None]  # (1, 1, 1, T, T)
        grid = Grid(ops.shape(inputs), packing)
        x = drop(self.embedding(grid.collect(inputs)))  # (N, D)
        for block, source in zip(self.blocks, memory["source"], strict=True):
            x, _ = block.read(x, at, causal, drop, [(source, memory["mask"])], grid)
        return grid.spread(self.final_norm(x))

    def start(self, prompts: int, samples: int, length: int) -> list[KeysValues]:
        """Return empty caches for `samples` texts of each prompt.

        Args:
            prompts: P.
            samples: G.
            length: T, the longest text.

        Returns:
            One cache (P·G, H, T, D/H) per block, of the separator and the actions but
            the last.
        """
        heads = self.config.heads
        shape = (prompts * samples, heads, length, self.config.width // heads)
        empty = ops.zeros(shape, dtype=self.compute_dtype)
        return [KeysValues(empty, empty) for _ in self.blocks]

    def step(
        self,
        memory: Memory,
        caches: list[KeysValues],
        time: Array,
        last: Array,
        grid: Grid,
    ) -> tuple[Array, list[KeysValues]]:
        """Go on by one action.

        Args:
            memory: of `encode`.
            caches: of `start` or of the step before.
            time: int32 scalar, number of actions so far.
            last: (N,) int32, the last actions; `BOS` at first.
            grid: of shape (P, G), the texts.

        Returns:
            (N, D) states and the longer caches.
        """
        lengths = ops.take(memory["lengths"], grid.rows)
        at = self._rotation((lengths + time)[:, None])
        at = Rotation(*(part[:, 0, 0] for part in at))  # (N, 1, D/H/2)
        seen = ops.take(memory["mask"][:, 0, 0], grid.rows, axis=0)  # (N, 1, S)
        x = self.embedding(last)
        longer = []
        for block, source, cache in zip(
            self.blocks, memory["source"], caches, strict=True
        ):
            x, cache = block.step(x, at, time, cache, source, seen, grid)
            longer.append(cache)
        return self.final_norm(x), longer

    def output_table(self) -> Array:
        """Return the (V, D) output weights: the embeddings, or a table of their own."""
        layer = self.output_embedding or self.embedding
        return ops.cast(ops.convert_to_tensor(layer.embeddings), self.compute_dtype)

    def vocabulary_logits(self, hidden: Array, table: Array) -> Array:
        """Return the vocabulary's logits.

        Args:
            hidden: (..., D).
            table: (V, D), of `output_table`.

        Returns:
            (..., V) float32; those of `PAD` and `BOS` are -1e9.
        """
        logits = at_least_float32(ops.matmul(hidden, ops.transpose(table)))
        return logits + ops.cast(self._never, logits.dtype)

    def pointers(self, memory: Memory, hidden: Array) -> None:
        """Return None: there is no copy head.

        Args:
            memory: unused.
            hidden: unused.
        """

    def mixture(self, logits: Array, pointers: None, source_ids: Array) -> Array:
        """Return the log-probs of all actions.

        Args:
            logits: (..., V) float32.
            pointers: None; unused.
            source_ids: unused: nothing is copied.

        Returns:
            (..., V) float32 nats, normalised.
        """
        del pointers, source_ids
        return ops.log_softmax(logits, axis=-1)

    def draw(
        self, logits: Array, pointers: None, source_ids: Array, uniforms: Array
    ) -> tuple[Array, Array]:
        """Draw an action for each of N texts.

        Args:
            logits: (N, V) float32.
            pointers: None; unused.
            source_ids: unused: nothing is copied.
            uniforms: (N,) float32 in (0, 1).

        Returns:
            (N,) int32 actions and their (N,) float32 log-probs, nats.
        """
        del pointers, source_ids
        return draw_logits(logits, uniforms)

    def mixture_of_actions(
        self, log_probs: Array, pointers: None, source_ids: Array, actions: Array
    ) -> Array:
        """Return the log-probs of given actions: nothing is copied.

        Args:
            log_probs: (P, Q) float32 nats, of the vocabulary.
            pointers: None; unused.
            source_ids: unused.
            actions: unused.

        Returns:
            The log-probs.
        """
        del pointers, source_ids, actions
        return log_probs

    def call(self, inputs: dict[str, Array], training: bool = False) -> Array:
        """Return (B, T, V) log-probs; see the class."""
        dropout = None
        if training and self.config.dropout:
            seed = ops.cast(self.dropout_seeds.next(), "int32")
            dropout = Dropout(self.config.dropout, seed[0] + seed[1])
        source = ops.cast(inputs["source_ids"], "int32")
        memory = self.encode(source, source != PAD, dropout)
        target = ops.cast(inputs["target_ids"], "int32")[:, None, :]
        hidden = self._go_on(memory, target, dropout)[:, 0]  # (B, T, D)
        logits = self.vocabulary_logits(hidden, self.output_table())
        return self.mixture(logits, None, source)

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        return {"config": dict(vars(self.config)), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DecoderOnly:
        """Make a model of `get_config`'s dictionary."""
        return cls(ModelConfig.from_dict(config["config"]), name=config["name"])


class DecoderOnlyPolicy(EncoderDecoderPolicy):
    """A `DecoderOnly` as a policy.

    The model has the methods that `EncoderDecoderPolicy` calls, so it is sampled and
    scored by the same code.

    Args:
        model: the Keras model, a `DecoderOnly`.
        codec: rows to arrays and back.
    """
