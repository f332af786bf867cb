"""`check_policy` passes on our policies and names what is broken in others."""

import functools

import numpy as np
import pytest
from keras import ops, tree

from nutgraf.arrays import EOS, Processors
from nutgraf.backend import with_values
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, ModelError
from nutgraf.layers.categorical import draw_logits
from nutgraf.models.codec import TextCodec
from nutgraf.models.decoder_only_policy import DecoderOnlyPolicy
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.models.logits_policy import LogitsPolicy
from nutgraf.testing.policies import check_policy
from nutgraf.testing.toys import toy_policy


def encoder_decoder(tokenizer):
    return toy_policy(tokenizer, decoder_layers=1)


def decoder_only(tokenizer, **changes):
    return toy_policy(tokenizer, architecture="decoder-only", **changes)


POLICIES = {
    "encoder-decoder": encoder_decoder,
    "decoder-only": decoder_only,
    "grouped": functools.partial(decoder_only, key_value_heads=1),
    "gpt2": functools.partial(decoder_only, block="gpt2"),
    "language model": functools.partial(decoder_only, separator=False),
    "lstm": functools.partial(toy_policy, architecture="lstm"),
    "gru": functools.partial(toy_policy, architecture="gru", copy=False),
    "rnn": functools.partial(toy_policy, architecture="rnn", coverage=True),
    "lstm that only remembers": functools.partial(
        toy_policy, architecture="lstm", copy=False, coverage=True
    ),
}


@pytest.mark.backend
@pytest.mark.parametrize("name", POLICIES)
def test_our_policies_pass(tokenizer, rows, name):
    check_policy(POLICIES[name](tokenizer), rows)


def test_a_wrapped_keras_model_passes(tokenizer, rows):
    policy = encoder_decoder(tokenizer)
    check_policy(LogitsPolicy(policy.model, policy.codec, policy.vocabulary_size), rows)


class Literal(TextCodec):
    """Takes the letters of the end token for the token."""

    def batch(self, rows, source_length=None):
        found = super().batch(rows, source_length)
        if any("<eos>" in row.document for row in rows):
            found.source_ids[:, 1] = EOS
        return found


class Endless(TextCodec):
    """Does not count the end action."""

    def batch(self, rows, source_length=None):
        found = super().batch(rows, source_length)
        if "<eos>" in rows[0].document:
            return found
        return found._replace(target_mask=found.target_mask & (found.target_ids != EOS))


class Unnormalised(EncoderDecoderPolicy):
    def step(self, memory, state, last):
        log_probs, state = super().step(memory, state, last)
        return log_probs + 0.1, state


class DrawsPadding(EncoderDecoderPolicy):
    def step(self, memory, state, last):
        log_probs, state = super().step(memory, state, last)
        return ops.log_softmax(ops.maximum(log_probs, -12.0)), state


class WrongPositions(DecoderOnlyPolicy):
    def step(self, memory, state, last):
        lengths = memory["lengths"] + ops.cast(state.time > 1, "int32")
        return super().step({**memory, "lengths": lengths}, state, last)


class UnscoredEnd(EncoderDecoderPolicy):
    def score(self, memory, hidden, actions, *args, **options):
        found = super().score(memory, hidden, actions, *args, **options)
        ended = ops.convert_to_tensor(actions) == EOS
        return found._replace(log_probs=ops.where(ended, 0.0, found.log_probs))


class MixedSamples(EncoderDecoderPolicy):
    """In a group, samples look into their prompt in another order."""

    def _mixed(self, memory, samples):
        if samples == 1:
            return memory
        source = [[ops.flip(part, axis=0) for part in kv] for kv in memory["source"]]
        return {**memory, "source": source}

    def hidden(self, memory, actions, *args, **options):
        memory = self._mixed(memory, actions.shape[1])
        return super().hidden(memory, actions, *args, **options)

    def step(self, memory, state, last):
        return super().step(self._mixed(memory, last.shape[1]), state, last)


class SeesPadding(DecoderOnlyPolicy):
    def encode(self, batch, dropout=None):
        everything = np.ones(batch.source_mask.shape, bool)
        return super().encode(batch._replace(source_mask=everything), dropout)


class StaysInOrder(EncoderDecoderPolicy):
    def reorder(self, state, parents):
        return state


class SelectsTheFirst(EncoderDecoderPolicy):
    def select(self, state, packing):
        count = packing.tokens.shape[0]
        first = tree.map_structure(lambda part: part[:count], state.caches)
        return super().select(state, packing)._replace(caches=first)


class DrawsOfTheVocabulary(EncoderDecoderPolicy):
    """Forgets what is copied."""

    def draw(self, memory, state, last, uniforms):
        logits, _, _, after = self._step(memory, state, last)
        return *draw_logits(logits, uniforms), after


class DrawsTheLikeliest(EncoderDecoderPolicy):
    def draw(self, memory, state, last, uniforms):
        log_probs, after = self.step(memory, state, last)
        return ops.argmax(log_probs, -1), ops.max(log_probs, -1), after


def frozen(name):
    def method(self, *args, **options):
        with with_values(self.variables, self.old):
            return getattr(EncoderDecoderPolicy, name)(self, *args, **options)

    return method


class OldWeights(EncoderDecoderPolicy):
    """Runs with the weights it had at first."""

    def __init__(self, model, codec):
        super().__init__(model, codec)
        self.old = [ops.copy(variable.value) for variable in self.variables]

    encode, hidden = frozen("encode"), frozen("hidden")
    step, score, draw = frozen("step"), frozen("score"), frozen("draw")


class NoTemperature(EncoderDecoderPolicy):
    def score(self, memory, hidden, actions, processors=None, *args, **options):
        if processors == Processors(temperature=0.7):
            processors = Processors()
        return super().score(memory, hidden, actions, processors, *args, **options)


class NoSupport(EncoderDecoderPolicy):
    """Scores the unfiltered distribution of what was drawn with top-k."""

    def score(self, memory, hidden, actions, processors=None, *args, **options):
        if options.get("support") is not None:
            processors, options = Processors(processors.temperature), {}
        return super().score(memory, hidden, actions, processors, *args, **options)


BROKEN = {
    "literal <eos>": Literal,
    "end in targets": Endless,
    "distribution": Unnormalised,
    "special tokens": DrawsPadding,
    "cached == full": WrongPositions,
    "end scored": UnscoredEnd,
    "grouped == repeated": MixedSamples,
    "padding": SeesPadding,
    "reorder": StaysInOrder,
    "select": SelectsTheFirst,
    "draw": DrawsOfTheVocabulary,
    "draw: evenly": DrawsTheLikeliest,
    "values": OldWeights,
    r"ratio is 1 \(tempered\)": NoTemperature,
    r"ratio is 1 \(top-k and top-p\)": NoSupport,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named(tokenizer, rows, name):
    broken = BROKEN[name]
    base = decoder_only if issubclass(broken, DecoderOnlyPolicy) else encoder_decoder
    policy = base(tokenizer)
    if issubclass(broken, TextCodec):
        policy.codec = broken(tokenizer, 48, 12, 16)
    else:
        policy = broken(policy.model, policy.codec)
    with pytest.raises(ModelError, match=rf"^{name}[: ].*Received: "):
        check_policy(policy, rows)


def test_one_row_is_too_few(policy):
    with pytest.raises(ConfigError, match="2 or more rows. Received: 1"):
        check_policy(policy, [Row("a", "the red house", ("the house",))])
