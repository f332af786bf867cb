"""A decoder-only Transformer: Llama or GPT-2, policy or language model.

Its blocks are Llama's (Touvron et al. 2023, arXiv 2302.13971: RMSNorm, rotary positions
in the half-split form, SwiGLU, no biases; with grouped queries where
`key_value_heads` < `heads`) or GPT-2's (Radford et al. 2019: learned positions,
LayerNorm, GELU, biases). The weights map one to one onto Hugging Face's `Llama` and
`GPT2LMHead` models.

A text is its source, `<bos>` as the separator, the actions, `<eos>`; or, without a
separator, a source that goes on, and then it is a language model:

    s1 s2 … sn <bos> a1 a2 … <eos>
    <bos> s1 s2 … sn a1 a2 … <eos>

All but the last token before the actions (the separator, or sn) is read once; the G
samples share its keys and values and begin with that last token, at the position that
is the number of tokens before it. Padding of a source, on the left or on the right,
changes nothing. The loss counts actions only. Plain text is trained on in rows of
several documents (`read`).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.arrays import BOS, PAD
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.categorical import draw_logits
from nutgraf.layers.causal_block import CausalBlock, block_norm
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid, Packing
from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.rotary import Rotation, rotation
from nutgraf.layers.rotary_attention import KeysValues
from nutgraf.models.config import ModelConfig
from nutgraf.models.teacher_forcing import TeacherForced

__all__ = ["DecoderOnly"]

Array = Any
Memory = dict[str, Any]


class DecoderOnly(TeacherForced, keras.Model):
    """Transformer that goes on from a source text.

    As a Keras model it maps `{"source_ids": (B, S), "target_ids": (B, T)}` (inputs that
    begin with `<bos>`) to (B, T, V) float32 log-probs, as `EncoderDecoder` does. `PAD`
    in the source is masked; `PAD` and `BOS` are never predicted. States follow the
    dtype policy; softmax, rotation and log-probs are float32.

    Args:
        config: the settings; its architecture is "decoder-only".

    Reference: Touvron et al. 2023, arXiv 2302.13971; Radford et al. 2019; Ainslie et
    al. 2023, arXiv 2305.13245.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        """Create all weights at once."""
        super().__init__(**{"name": "decoder_only", **kwargs})
        self.config = config
        policy = self.dtype_policy
        size = config.vocabulary_size
        self.embedding = self._table("embedding", size)
        self.positions = None
        if config.block == "gpt2":
            self.positions = self._table("positions", config.context)
        self.blocks = [
            CausalBlock(
                config.width,
                config.heads,
                config.feed_forward,
                config.key_value_heads,
                config.block,
                name=f"block_{number}",
                dtype=policy,
            )
            for number in range(config.decoder_layers)
        ]
        self.final_norm = block_norm(config.block, "final_norm", policy)
        self.output_embedding = None if config.tied else self._table("output", size)
        self.dropout_seeds = keras.random.SeedGenerator()
        self._never = np.zeros(config.vocabulary_size, "float32")
        self._never[[PAD, BOS]] = -1e9
        self.build()

    def _table(self, name: str, rows: int) -> keras.layers.Embedding:
        return keras.layers.Embedding(
            rows,
            self.config.width,
            name=name,
            dtype=self.dtype_policy,
            embeddings_initializer=keras.initializers.RandomNormal(
                stddev=self.config.width**-0.5
            ),
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        for table in (self.embedding, self.positions, self.output_embedding):
            if table is not None:
                table.build((None, None))
        for part in (*self.blocks, self.final_norm):
            part.build((None, None, None, self.config.width))
        self.built = True

    def _embed(self, ids: Array, positions: Array) -> Array:
        """Ids and positions of any one shape -> states (..., D)."""
        x = self.embedding(ids)
        return x if self.positions is None else x + self.positions(positions)

    def _rotation(self, positions: Array) -> Rotation | None:
        """(P, L) positions -> cos and sin (P, 1, 1, L, D/H/2); None without them."""
        if self.positions is not None:
            return None
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
            The memory: source ids, the token that the actions follow, mask, number of
            tokens before that one, and each block's keys and values of these, all with
            a leading axis P.
        """
        drop = dropout or Dropout(0.0, None)
        ids, mask = source_ids, ops.cast(source_mask, "bool")
        first = ops.full_like(ids[:, 0], BOS)
        if not self.config.separator:
            ids, mask, first = _all_but_last(ids, mask)
        counts = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        places = ops.maximum(counts - 1, 0)  # padding takes no position
        at = self._rotation(places)
        seen = mask[:, None, None, None, :]  # (P, 1, 1, 1, S)
        visible = ops.logical_and(causal_mask(ops.shape(mask)[1])[None, None], seen)
        x = drop(self._embed(ids, places)[:, None])  # (P, 1, S, D): one sample
        source = []
        for block in self.blocks[:-1]:
            x, own = block.read(x, at, visible, drop)
            source.append(own)
        # what the last block makes of the source, nobody reads
        source.append(self.blocks[-1].keys_values(x, at))
        return {
            "ids": source_ids,
            "first": first,
            "mask": seen,
            "lengths": counts[:, -1],
            "source": source,
        }

    def read(
        self,
        ids: Array,
        positions: Array,
        segments: Array,
        dropout: Dropout | None = None,
    ) -> Array:
        """Read rows of several texts, each of which sees nothing of the others.

        Args:
            ids: (B, L) int32.
            positions: (B, L) int32, of each token in its own text.
            segments: (B, L) int32, which text of the row a token belongs to.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            (B, L, D); state t has read the tokens of its text up to t.
        """
        drop = dropout or Dropout(0.0, None)
        same = segments[:, :, None] == segments[:, None, :]  # (B, L, L)
        visible = ops.logical_and(causal_mask(ops.shape(ids)[1]), same)[:, None, None]
        at = self._rotation(positions)
        x = drop(self._embed(ids, positions)[:, None])  # (B, 1, L, D)
        for block in self.blocks:
            x, _ = block.read(x, at, visible, drop)
        return self.final_norm(x)[:, 0]

    def _read(
        self,
        memory: Memory,
        inputs: Array,
        dropout: Dropout | None,
        packing: Packing | None,
    ) -> Array:
        """States (P, G, T, D) of inputs (P, G, T), whose first is the memory's."""
        drop = dropout or Dropout(0.0, None)
        length = ops.shape(inputs)[-1]
        steps = ops.arange(length, dtype="int32")
        inputs = ops.where(steps == 0, memory["first"][:, None, None], inputs)
        places = memory["lengths"][:, None] + steps[None]  # (P, T)
        at = self._rotation(places)
        causal = causal_mask(length)[None, None]  # (1, 1, 1, T, T)
        grid = Grid(ops.shape(inputs), packing)
        places = grid.collect(ops.broadcast_to(places[:, None], ops.shape(inputs)))
        x = drop(self._embed(grid.collect(inputs), places))  # (N, D)
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
            One cache (P·G, K, T, D/H) per block, of the first token and the actions but
            the last.
        """
        heads, size = self.config.heads, self.config.width // self.config.heads
        shared = self.config.key_value_heads or heads
        shape = (prompts * samples, shared, length, size)
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
            last: (N,) int32, the last actions; anything at first.
            grid: of shape (P, G), the texts.

        Returns:
            (N, D) states and the longer caches.
        """
        last = ops.where(time == 0, ops.take(memory["first"], grid.rows), last)
        places = ops.take(memory["lengths"], grid.rows) + time
        at = self._rotation(places[:, None])
        if at is not None:
            at = Rotation(*(part[:, 0, 0] for part in at))  # (N, 1, D/H/2)
        seen = ops.take(memory["mask"][:, 0, 0], grid.rows, axis=0)  # (N, 1, S)
        x = self._embed(last, places)
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


def _all_but_last(ids: Array, mask: Array) -> tuple[Array, Array, Array]:
    """Put `<bos>` before the sources and take their last tokens away.

    (P, S) ids and mask -> (P, S + 1) ids and mask, and (P,) ids of the last tokens.
    """
    ids = ops.pad(ids, [(0, 0), (1, 0)], constant_values=BOS)
    mask = ops.pad(mask, [(0, 0), (1, 0)], constant_values=True)
    counts = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    last = ops.logical_and(mask, counts == counts[:, -1:])
    ending = ops.sum(ops.where(last, ids, 0), axis=1)
    return ids, ops.logical_and(mask, ops.logical_not(last)), ending
