"""Each task from rows to an improved model and its scores, as typed; in Chinese too."""

import json

import numpy as np
import pytest

from nutgraf.cli.main import main
from nutgraf.training.log import read_metrics

ENGLISH = "dog cat sun rain house river red old runs sees takes opens".split()
CHINESE = "狗 猫 太阳 下雨 房子 河 红 旧 跑 看 拿 开".split()
SMALL = {
    "--model.size": "tiny",
    "--model.vocabulary_size": "400",
    "--model.width": "16",
    "--model.feed_forward": "32",
    "--model.encoder_layers": "1",
    "--model.decoder_layers": "1",
    "--model.max_source": "48",
    "--model.max_target": "16",
    "--training.epochs": "1",
    "--training.warmup": "2",
    "--tokens_per_batch": "512",
    "--num_shapes": "1",
    "--sample_rows": "4",
}
UPDATES = {
    "--rl.updates": "2",
    "--rl.prompts": "2",
    "--rl.samples": "2",
    "--rl.length": "8",
    "--rl.source_bounds": "48",
    "--guard.every": "2",
    "--guard.rows": "2",
}
METRICS = {
    "summarize": ["rouge1", "rouge2", "rougeL", "length_ratio"],
    "translate": ["chrf", "bleu", "length_ratio"],
    "answer": ["exact_match", "token_f1", "length_ratio"],
}
HEADS = {"summarize": "ROUGE-1", "translate": "chrF", "answer": "exact match"}


def record(task, number, random):
    """A made-up row; what is to be written is Chinese."""
    places = random.integers(0, len(ENGLISH), 4)
    english = " ".join(ENGLISH[place] for place in places)
    chinese = "".join(CHINESE[place] for place in places)
    if task == "translate":
        return {"en": english, "zh": chinese}
    if task == "summarize":
        return {"document": f"{chinese}。天气很好。", "summary": chinese}
    answers = [{"text": CHINESE[places[0]], "answer_start": 0}]
    return {"context": chinese, "question": f"第{number}个是什么？", "answers": answers}


def flat(flags):
    return [word for pair in flags.items() for word in pair]


@pytest.fixture(scope="module", params=METRICS)
def run(request, tmp_path_factory):
    """A folder with a trained and an improved model: two updates."""
    task, folder = request.param, tmp_path_factory.mktemp(request.param)
    random = np.random.default_rng(0)
    data = ["--task", task, "--data.source", "files"]
    if task == "translate":
        data += ["--data.source_field", "en", "--data.target_field", "zh"]
    for split, count in (("train", 24), ("valid", 6), ("test", 6)):
        lines = (json.dumps(record(task, n, random)) + "\n" for n in range(count))
        (folder / f"{split}.jsonl").write_text("".join(lines))
        data += [f"--data.{split}", str(folder / f"{split}.jsonl")]
    out = str(folder / "train")
    assert main(["train", "--out", out, *data, *flat(SMALL)]) == 0
    start = ["--start", f"{out}/best", "--out", str(folder / "rl")]
    assert main(["rl", *start, *data, *flat(UPDATES)]) == 0
    return task, folder, data


def test_the_training_is_validated_by_the_metrics_of_the_task(run):
    task, folder, _ = run
    found = [key for record in read_metrics(folder / "train") for key in record]
    scores = [f"valid/{name}" for name in METRICS[task]]
    assert set(scores) <= set(found)
    others = {f"valid/{name}" for names in METRICS.values() for name in names}
    assert not (others - set(scores)) & set(found)
    card = json.loads((folder / "train" / "run.json").read_text())
    assert card["settings"]["task"] == task


def test_the_run_is_paid_by_the_reward_of_the_task(run):
    task, folder, _ = run
    records = read_metrics(folder / "rl")
    assert [record["step"] for record in records] == [1, 2]
    main_part = {"summarize": "rouge", "translate": "chrf", "answer": "token_f1"}[task]
    assert f"reward/{main_part}" in records[-1]
    watched = {key for key in records[-1] if key.startswith("guard/")}
    assert "guard/reward" in watched and f"guard/{main_part}" not in watched


def test_it_is_evaluated_and_compared_by_the_metrics_of_the_task(
    run, capsys, monkeypatch
):
    task, folder, data = run
    monkeypatch.setenv("COLUMNS", "300")
    for name, model in (("a", "train/best"), ("b", "rl/last")):
        out = ["--out", str(folder / name)]
        assert main(["evaluate", str(folder / model), *data, *out]) == 0
    printed = capsys.readouterr().out
    assert HEADS[task] in printed and "p: paired test" in printed
    kept = json.loads((folder / "a" / "evaluation.json").read_text())
    assert kept["settings"]["task"] == task and "cjk" in printed or "tok:zh" in printed
    assert main(["compare", str(folder / "a"), str(folder / "b")]) == 0
    assert HEADS[task] in capsys.readouterr().out
    assert main(["report", str(folder / "b")]) == 0
    assert main(["data", data[data.index("--data.test") + 1], *fields(task)]) == 0
    assert "source: " in capsys.readouterr().out


def fields(task):
    """The flags of `nutgraf data`."""
    named = ["--source_field", "en", "--target_field", "zh"]
    return ["--task", task, *(named if task == "translate" else [])]


def test_it_writes_about_chinese_or_into_it(run, tmp_path, capsys):
    task, folder, _ = run
    text = tmp_path / "text.txt"
    text.write_text("dog runs\n" if task == "translate" else "太阳下雨。狗跑了。\n")
    flags = ["--question", "谁跑了？"] if task == "answer" else []
    model = ["--model", str(folder / "rl" / "last"), "--beams", "1"]
    assert main([task, str(text), *flags, *model]) == 0
    assert capsys.readouterr().out.endswith("\n")


def test_a_task_needs_files(capsys):
    assert main(["train", "--task", "translate"]) == 2
    assert "data.source must be files for the task translate" in capsys.readouterr().err
    assert main(["evaluate", "--task", "answer"]) == 2
    assert "task answer. Received: docstrings" in capsys.readouterr().err


def test_lead_and_oracle_are_for_summaries(tmp_path, capsys):
    data = ["--data.source", "files", "--data.test", str(tmp_path / "a.jsonl")]
    assert main(["evaluate", "--task", "answer", *data, "--lead", "3"]) == 2
    assert "lead and oracle must be left out" in capsys.readouterr().err
