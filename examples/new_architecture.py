"""A new architecture in one file: one look at the source for each word; it learns."""

import keras
from keras import ops

from nutgraf import ContinuedSupervised, ModelConfig, RLSettings, check_policy
from nutgraf.models.codec import TextCodec
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.models.pointer_mixture import PointerMixture
from nutgraf.models.teacher_forcing import decoder_inputs
from nutgraf.testing.toys import toy_rows, toy_tokenizer


class Glance(PointerMixture, keras.Model):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = keras.layers.Embedding(config.vocabulary_size, config.width)
        self.places = keras.layers.Embedding(64, config.width)
        self.query = keras.layers.Dense(config.width)
        with keras.name_scope("glance"):
            for layer in (self.embedding, self.places, self.query):
                layer.build((None, config.width))

    def encode(self, source_ids, source_mask, dropout=None):  # a prompt is read once
        x = self.embedding(source_ids)
        keys = ops.transpose(x + self.places(ops.arange(x.shape[1])), (0, 2, 1))
        return {"ids": source_ids, "x": x, "keys": keys, "mask": source_mask[:, None]}

    def look(self, memory, last, times):  # (P, Q) words before, and their places
        query = self.query(self.embedding(last) + self.places(times))  # (P, Q, D)
        scores = ops.where(memory["mask"], ops.matmul(query, memory["keys"]), -1e9)
        return query + ops.matmul(ops.softmax(scores), memory["x"])

    def hidden(self, memory, actions, dropout=None, packing=None):  # whole texts
        last = ops.reshape(decoder_inputs(actions), (actions.shape[0], -1))
        times = ops.tile(ops.arange(actions.shape[2]), [actions.shape[1]])
        found = self.look(memory, last, times)
        return ops.reshape(found, (*actions.shape, -1))

    def start(self, prompts, samples, length):  # nothing is kept between words
        return []

    def step(self, memory, caches, time, last, grid):  # one word more
        return grid.collect(self.look(memory, grid.spread(last), time)), caches

    def pointers(self, memory, hidden):  # no copy head
        return None


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    tokenizer, rows = toy_tokenizer(), toy_rows(200, length=8)
    config = ModelConfig(tokenizer.vocabulary_size, width=32, copy=False)
    policy = EncoderDecoderPolicy(Glance(config), TextCodec(tokenizer, 48, 12, 16))
    check_policy(policy, rows)
    settings = RLSettings(updates=300, length=12, learning_rate=0.01)
    trainer = ContinuedSupervised(policy, settings)
    first, *_, last = (one["loss/supervised"] for one in trainer.fit(rows))
    print(f"passes check_policy; loss {first:.2f} -> {last:.2f} nats per word piece")
