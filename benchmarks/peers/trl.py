"""TRL's side of the decoder-only update: `GRPOTrainer` on a Llama model.

Settings: "attention" ("sdpa" or "eager"), "wait". The trainer keeps its own loop: a
callback waits for a request before each step and answers after it. One task a process.
"""

from __future__ import annotations

import json
import tempfile
import time
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from duel import channel, own_settings
from rouge_score.rouge_scorer import RougeScorer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TrainerCallback,
)
from trl import GRPOConfig, GRPOTrainer
from workload import (
    BOS,
    EOS,
    PAD,
    model_config,
    references_of,
    shape_of,
    sources_of,
    text_of,
    words,
)

SETTINGS = own_settings()
torch.set_num_threads(SETTINGS["threads"])
ROUGE = ("rouge1", "rouge2", "rougeL")
SPECIAL = ("<pad>", "<s>", "</s>")
ROUNDS = 16
"""Different sets of prompts; later rounds take them again."""


def tokenizer_of(top: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer whose token number n is written `tn`; nothing is loaded."""
    names = [*SPECIAL, *(f"t{number}" for number in range(len(SPECIAL), top))]
    vocabulary = {name: number for number, name in enumerate(names)}
    pieces = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[PAD]))
    pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token=SPECIAL[PAD],
        bos_token=SPECIAL[BOS],
        eos_token=SPECIAL[EOS],
    )


def model_of(task: dict) -> LlamaForCausalLM:
    """Return a Llama model with random weights."""
    sizes = model_config(task)
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=sizes["vocabulary_size"],
            hidden_size=sizes["width"],
            intermediate_size=sizes["feed_forward"],
            num_hidden_layers=sizes["decoder_layers"],
            num_attention_heads=sizes["heads"],
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
            attn_implementation=SETTINGS["attention"],
        )
    )


def rows_of(shape: dict) -> list[dict[str, str]]:
    """Return prompts with references."""
    rows = []
    for number in range(ROUNDS):
        sources, references = sources_of(shape, number), references_of(shape, number)
        for ids, text in zip(sources, references, strict=True):
            prompt = " ".join(f"t{one}" for one in ids)
            rows.append({"prompt": prompt, "reference": text})
    return rows


class Rouge:
    """The reward, and the time that it takes."""

    __name__ = "rouge"

    def __init__(self) -> None:
        self._scorer = RougeScorer(list(ROUGE), use_stemmer=True)
        self._words = words()
        self.seconds = 0.0

    def __call__(
        self, completion_ids: list[list[int]], reference: list[str], **_: Any
    ) -> list[float]:
        """Return the mean of three scores for each completion."""
        start = time.perf_counter()
        rewards = []
        for ids, target in zip(completion_ids, reference, strict=True):
            text = text_of(np.array(ids), self._words)
            scores = self._scorer.score(target, text)
            rewards.append(sum(scores[kind].fmeasure for kind in ROUGE) / len(ROUGE))
        self.seconds = time.perf_counter() - start
        return rewards


class Turns(TrainerCallback):
    """Takes a step for each request."""

    def __init__(self, requests: Any, answer: Any, first: dict, reward: Rouge) -> None:
        self._requests, self._answer = requests, answer
        self._waiting, self._task, self._reward = first, _task(first), reward
        self._start = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Wait for the request."""
        if self._waiting is None:
            self._waiting = next(self._requests)
        if _task(self._waiting) != self._task:
            raise ValueError("A process of TRL takes one task. Start another.")
        self._waiting = None
        self._start = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Answer it."""
        seconds = time.perf_counter() - self._start
        shape = shape_of(json.loads(self._task))
        tokens = shape["prompts"] * shape["samples"] * shape["length"]
        share = self._reward.seconds / seconds
        self._answer({"seconds": seconds, "tokens": tokens, "reward_share": share})


def _task(request: dict) -> str:
    kept = {name: value for name, value in request.items() if name != "round"}
    return json.dumps(kept, sort_keys=True)


def main() -> None:
    """Train until nobody asks any more."""
    requests, answer = channel()
    first = next(requests)
    shape, reward = shape_of(first), Rouge()
    config = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=shape["prompts"] * shape["samples"],
        num_generations=shape["samples"],
        max_completion_length=shape["length"],
        temperature=1.0,
        top_k=0,
        beta=0.0,
        learning_rate=1e-6,
        max_steps=1_000_000,
        gradient_checkpointing=False,
        use_cpu=True,
        bf16=False,
        report_to=[],
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        optim="adamw_torch_fused",
    )
    trainer = GRPOTrainer(
        model=model_of(first),
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_list(rows_of(shape)),
        processing_class=tokenizer_of(shape["model"]["vocabulary_size"]),
        callbacks=[Turns(requests, answer, first, reward)],
    )
    try:
        trainer.train()
    except StopIteration:
        pass
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
        raise


if __name__ == "__main__":
    main()
