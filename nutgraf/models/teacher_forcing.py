"""Teacher forcing: each action is predicted from the true actions before it.

What the text models have in common as Keras models, which learn with `keras.Model.fit`,
and as models of a policy, which scores given actions.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.arrays import BOS, PAD
from nutgraf.layers.dropout import Dropout, training_dropout
from nutgraf.layers.packing import Packing
from nutgraf.models.config import ModelConfig

__all__ = ["TeacherForced", "decoder_inputs"]

Array = Any


def decoder_inputs(actions: Array) -> Array:
    """Return what is read before each action: `BOS`, then the actions but the last.

    Args:
        actions: (..., T) int32, T >= 1.

    Returns:
        (..., T) int32.

    Example:
        >>> import numpy as np
        >>> decoder_inputs(np.int32([[7, 8, 2]])).__array__().tolist()
        [[1, 7, 8]]
    """
    first = ops.full_like(actions[..., :1], BOS)
    return ops.concatenate([first, actions[..., :-1]], axis=-1)


class TeacherForced:
    """A text model as a Keras model, and the states of given actions.

    A model brings what is named here, and `_read(memory, inputs, dropout, packing)`:
    states (P, G, T, ...) of decoder inputs (P, G, T).

    Attributes:
        name: of the Keras model.
        config: the settings.
        dropout_seeds: a `keras.random.SeedGenerator`, for `fit`.
        encode: source ids, mask and dropout -> memory.
        output_table: the output weights.
        vocabulary_logits: states and output weights -> logits.
        pointers: memory and states -> weights and gates, or None.
        mixture: logits, pointers and source ids -> log-probs.
    """

    name: str
    config: ModelConfig
    dropout_seeds: Any
    encode: Any
    output_table: Any
    vocabulary_logits: Any
    pointers: Any
    mixture: Any
    _read: Any

    def hidden(
        self,
        memory: Any,
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
            (P, G, T, D); state t has read the source and the actions before t. In a
            recurrent model there may be more than D numbers.
        """
        return self._read(memory, decoder_inputs(actions), dropout, packing)

    def call(self, inputs: dict[str, Array], training: bool = False) -> Array:
        """Return (B, T, V) log-probs; see the class."""
        seeds = self.dropout_seeds
        dropout = training_dropout(self.config.dropout, seeds) if training else None
        source = ops.cast(inputs["source_ids"], "int32")
        memory = self.encode(source, source != PAD, dropout)
        target = ops.cast(inputs["target_ids"], "int32")[:, None, :]
        hidden = self._read(memory, target, dropout, None)[:, 0]  # (B, T, D or more)
        logits = self.vocabulary_logits(hidden, self.output_table())
        return self.mixture(logits, self.pointers(memory, hidden), source)

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        return {"config": dict(vars(self.config)), "name": self.name}

    @classmethod
    def from_config(cls: Any, config: dict[str, Any]) -> Any:
        """Make a model of `get_config`'s dictionary."""
        return cls(ModelConfig.from_dict(config["config"]), name=config["name"])
