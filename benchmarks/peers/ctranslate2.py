"""CTranslate2's side: sampling, greedy and beam search in float32.

Settings: "inter" and "intra" (their product is the number of threads), "wait".
"""

from __future__ import annotations

import tempfile

import ctranslate2
from ctranslate2.converters.transformers import PegasusLoader
from duel import Step, own_settings, serve
from workload import EOS, lengths_of, shape_of, sources_of

from peers.pegasus import pegasus

SETTINGS = own_settings()
SPECIAL = ("<pad>", "<s>", "</s>")


def translator(task: dict) -> tuple[ctranslate2.Translator, list[str]]:
    """Convert the model of a task; return it and its vocabulary."""
    model = pegasus(task)
    top = model.config.vocab_size
    tokens = [*SPECIAL, *(f"w{number}" for number in range(len(SPECIAL), top))]
    model.config.normalize_before = True
    model.config.normalize_embedding = False
    spec = PegasusLoader().get_model_spec(model)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.bos_token, spec.config.eos_token = SPECIAL[1], SPECIAL[EOS]
    spec.config.unk_token = SPECIAL[0]
    spec.config.decoder_start_token = SPECIAL[1]
    with tempfile.TemporaryDirectory() as folder:
        spec.validate()
        spec.save(folder)
        loaded = ctranslate2.Translator(
            folder,
            device="cpu",
            compute_type="float32",
            inter_threads=SETTINGS["inter"],
            intra_threads=SETTINGS["intra"],
        )
    return loaded, tokens


def find(task: dict) -> Step:
    """Draw G samples of each prompt, or search with beams; all of full length."""
    shape = shape_of(task)
    model, tokens = translator(task)
    drawing = task["do"] == "sample"
    options = {
        "beam_size": 1 if drawing else task["beams"],
        "num_hypotheses": shape["samples"] if drawing else 1,
        "sampling_topk": 0 if drawing else 1,
        "length_penalty": 0.0,
        "return_scores": True,
        "max_decoding_length": shape["length"],
        "max_input_length": 0,
    }
    if SETTINGS["inter"] > 1:  # so that each of them has work
        options["max_batch_size"] = -(-shape["prompts"] // SETTINGS["inter"])
    expected = int(lengths_of(task).sum())
    if not drawing:
        expected //= shape["samples"]

    def step(number: int) -> dict:
        source = [[tokens[i] for i in row] for row in sources_of(shape, number)]
        found = model.translate_batch(source, **options)
        texts = [text for result in found for text in result.hypotheses]
        count = sum(map(len, texts))
        if count != expected:
            raise ValueError(f"{expected} tokens must be drawn. Received: {count}.")
        scores = [score for result in found for score in result.scores]
        mean = round(sum(scores) / len(scores), 3)
        return {"tokens": count, "log_prob": mean}

    return step


if __name__ == "__main__":
    serve(find)
