"""The article's summariser, made right, beside the model that the article trains.

    python examples/article.py --data ../shared/data/cnndm_tok --size tiny --rows 500

The article builds a Transformer in TensorFlow and Keras and fits it to CNN/DailyMail:
30,000 words, width 512, 8 heads, feed-forward 2,048, dropout 0.1, Adam, 10 epochs. Its
decoder never reads the summary: the output comes from the pooled encoder alone, each
word guessed without the words before it (`PooledSummarizer` below). Here the decoder
reads the summary so far, behind a causal mask, and both models are fitted to the same
rows for the same number of updates.

    positional encoding                  nutgraf.layers.positions.sinusoidal_positions
    softmax(Q Kᵀ / sqrt(d)) V            nutgraf.layers.attention.Attention
    TransformerEncoder(512, 8, 16, 2048) EncoderBlock, six of them (size "article")
    TransformerDecoder                   DecoderBlock, six of them

What the 16 is, the article does not say: docs/decisions/0003-article-reading.md.
"""

from __future__ import annotations

import argparse
import itertools

import keras
from keras import ops

from nutgraf.arrays import PAD, Batch
from nutgraf.data.batches import fit_arrays
from nutgraf.data.cnn_dailymail import load_cnn_dailymail
from nutgraf.data.rows import Row
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation, compare, score_texts
from nutgraf.layers.blocks import EncoderBlock, layer_norm
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.positions import sinusoidal_positions
from nutgraf.models.codec import TextCodec
from nutgraf.models.config import SIZES, ModelConfig, named_config
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.tasks.baselines import lead
from nutgraf.text.tokenizer import Tokenizer


class TransformerEncoder(keras.layers.Layer):
    """Embeddings, sinusoidal positions and blocks of self-attention.

    Args:
        d_model: int, width of the states.
        num_heads: int, attention heads.
        num_layers: int, blocks.
        dff: int, size of the feed-forward layer.
        vocabulary_size: int, word pieces.
        max_length: int, longest source in tokens.
        rate: float, dropout.
    """

    def __init__(
        self, d_model, num_heads, num_layers, dff, vocabulary_size, max_length, rate
    ):
        super().__init__(name="encoder")
        self.rate = rate
        self.embedding = keras.layers.Embedding(vocabulary_size, d_model)
        self.positions = sinusoidal_positions(max_length, d_model)
        self.blocks = [EncoderBlock(d_model, num_heads, dff) for _ in range(num_layers)]
        self.norm = layer_norm("norm", self.dtype_policy)
        self.seeds = keras.random.SeedGenerator()

    def call(self, ids, training=False):
        """Return (B, S, D) states of (B, S) ids."""
        seed = ops.sum(ops.cast(self.seeds.next(), "int32")) if training else None
        dropout = Dropout(self.rate, seed)
        visible = (ids != PAD)[:, None, :]
        x = self.embedding(ids) * ops.sqrt(float(self.positions.shape[1]))
        x = dropout(x + ops.convert_to_tensor(self.positions[: ids.shape[1]]))
        for block in self.blocks:
            x = block(x, visible, dropout=dropout)
        return self.norm(x)


class PooledSummarizer(keras.Model):
    """The article's model: encoder, mean over the source, a dense layer per position.

    It is given the summary like the other model and never looks at it.

    Args:
        config: the settings.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(name="pooled_summarizer")
        self.places = (config.max_target, config.width)
        self.encoder = TransformerEncoder(
            config.width,
            config.heads,
            config.encoder_layers,
            config.feed_forward,
            config.vocabulary_size,
            config.max_source,
            config.dropout,
        )
        self.spread = keras.layers.Dense(config.max_target * config.width, "relu")
        self.words = keras.layers.Dense(config.vocabulary_size)

    def build(self, shapes):
        """Make the weights; Keras would guess with a source of no words."""
        width = self.places[1]
        self.encoder(ops.zeros((1, 2), "int32"))
        self.spread.build((None, width))
        self.words.build((None, None, width))
        self.built = True

    def call(self, inputs, training=False):
        """Return (B, T, V) logits."""
        source, length = inputs["source_ids"], inputs["target_ids"].shape[1]
        counts = ops.cast(source != PAD, "float32")[..., None]
        states = self.encoder(source, training=training) * counts
        pooled = ops.sum(states, 1) / ops.maximum(ops.sum(counts, 1), 1.0)
        places = ops.reshape(self.spread(pooled), (-1, *self.places))  # (B, T, D)
        return self.words(places[:, :length])


def train(model: keras.Model, train_batch: Batch, valid_batch: Batch, args) -> dict:
    """Compile and fit as the article does; padding has the weight 0 everywhere."""
    model.compile(
        optimizer=keras.optimizers.Adam(args.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )
    inputs, labels, weights = fit_arrays(train_batch)
    history = model.fit(
        inputs,
        labels,
        sample_weight=weights,
        validation_data=fit_arrays(valid_batch),
        batch_size=args.batch,
        epochs=args.epochs,
        verbose=2,
    ).history
    return {name: values[-1] for name, values in history.items()}


def pooled_texts(model: PooledSummarizer, batch: Batch, codec: TextCodec) -> list[str]:
    """Return the likeliest word of each position: there is nothing else to search."""
    inputs = fit_arrays(batch)[0]
    return codec.render(batch, model.predict(inputs, 16, verbose=0).argmax(-1))


def print_table(evaluations: list[Evaluation], ends: list[dict]) -> None:
    """Print one line per model, and the paired test of the first two."""
    metrics = ("rouge1", "rouge2", "rougeLsum", "length_ratio", "repetition")
    print("\n| model | val loss | val accuracy | " + " | ".join(metrics) + " |")
    print("| --- |" + " --- |" * (len(metrics) + 2))
    for evaluation, end in itertools.zip_longest(evaluations, ends, fillvalue={}):
        losses = [f"{end[name]:.3f}" if end else "-" for name in ("loss", "accuracy")]
        means = evaluation.means()
        scores = [f"{means[metric]:.2f}" for metric in metrics]
        print(f"| {evaluation.name} | " + " | ".join([*losses, *scores]) + " |")
    test = compare(evaluations[0], evaluations[1])
    print(f"\nmean of ROUGE-1, 2, L: {test.difference:+.2f} (p = {test.p_value:.4f})")
    print(f"n = {evaluations[0].n}, {evaluations[0].signature}")


def main() -> None:
    """Load, fit both models, summarise, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="copy of CNN/DailyMail, or jsonl; else the hub")
    parser.add_argument("--size", choices=sorted(SIZES), default="article")
    parser.add_argument("--rows", type=int, help="training rows; default all")
    parser.add_argument("--valid-rows", type=int, default=1000)
    parser.add_argument("--vocabulary", type=int, default=30_000)
    parser.add_argument("--max-source", type=int, default=400)
    parser.add_argument("--max-target", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    rows = list(itertools.islice(load_cnn_dailymail("train", args.data), args.rows))
    held_out: list[Row] = list(
        itertools.islice(load_cnn_dailymail("valid", args.data), args.valid_rows)
    )
    texts = (text for row in rows for text in (row.document, row.references[0]))
    tokenizer = Tokenizer.train(texts, args.vocabulary)
    config = named_config(
        args.size,
        vocabulary_size=tokenizer.vocabulary_size,
        max_source=args.max_source,
        max_target=args.max_target,
        copy=False,
    )
    codec = TextCodec(tokenizer, config.max_source, config.max_target)
    batches = codec.batch(rows), codec.batch(held_out)

    transformer = EncoderDecoder(config)
    pooled = PooledSummarizer(config)
    ends = []
    for model in (transformer, pooled):
        print(f"\n{model.name}: {len(rows)} rows, {args.epochs} epochs")
        end = train(model, *batches, args)
        ends.append({"loss": end["val_loss"], "accuracy": end["val_accuracy"]})

    policy = EncoderDecoderPolicy(transformer, codec)
    systems = {
        "decoder reads the summary": Generator(policy, rows=args.batch)(held_out),
        "pooled, as in the article": pooled_texts(pooled, batches[1], codec),
        "first three sentences": [lead(row.document, 3) for row in held_out],
    }
    print_table(
        [score_texts(held_out, texts, name=name) for name, texts in systems.items()],
        ends,
    )
    print(f"\n{held_out[0].document[:300]} ...")
    for name, summaries in systems.items():
        print(f"\n{name}: {' '.join(summaries[0].split())[:300]}")


if __name__ == "__main__":
    main()
