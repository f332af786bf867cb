"""Chinese through the commands that test_tasks.py does not reach, as typed."""

import json

import pytest

from nutgraf.cli.main import main
from nutgraf.models.checkpoint import save_policy
from nutgraf.recipes import choose
from nutgraf.testing.toys import toy_policy

ANIMALS, DEEDS = (
    "狗 猫 马 牛 鸟 鱼 羊 虎".split(),
    "跑了 睡着 吃饭 过河 唱歌 看书".split(),
)
PLACES = ["在红色的房子里", "在老河边", "在太阳下"]
SENTENCES = [
    f"{who}{PLACES[n % 3]}{did}。" for n, did in enumerate(DEEDS) for who in ANIMALS
]
TINY = ["--model.size", "tiny", "--model.vocabulary_size", "400"]


def write(path, records):
    """Write jsonl; return its name."""
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def test_search_from_pretraining_to_a_trained_ranker(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    texts = [{"id": str(n), "text": text} for n, text in enumerate(SENTENCES)]
    documents = write(tmp_path / "texts.jsonl", texts)
    out, index = str(tmp_path / "bert"), str(tmp_path / "index")
    data = ["--data.source", "files", "--data.train", documents]
    size = ["--model.architecture", "bert", "--model.width", "16"]
    assert main(["pretrain", *data, *TINY, *size, "--out", out]) == 0
    assert main(["index", documents, "--dense", f"{out}/best", "--out", index]) == 0
    queries, judged = [], []
    for number, text in enumerate(SENTENCES[:12]):
        queries.append({"id": f"q{number}", "text": f"谁{text[1:-1]}？{text[0]}"})
        one = {"query_id": f"q{number}", "doc_id": str(number), "relevance": 1}
        judged.append(one)
    asked = [write(tmp_path / "q.jsonl", queries), write(tmp_path / "j.jsonl", judged)]
    loop = ["--training.updates", "2", "--training.batch", "2", "--candidates", "4"]
    given = ["--queries", asked[0], "--qrels", asked[1], "--out", str(tmp_path / "run")]
    assert main(["train-search", index, *given, *loop, "--rank", "2"]) == 0
    capsys.readouterr()
    best = str(tmp_path / "run" / "best")
    assert main(["evaluate-search", *asked, "--index", index, "--rerank", best]) == 0
    lines = capsys.readouterr().out.splitlines()
    line = next(line for line in lines if line.startswith("bm25"))
    assert "100.0" in line  # its own document is first, for each query


@pytest.mark.slow
def test_a_choice_for_translation(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(choose, "in_a_process", lambda function, *args: function(*args))
    rows = [
        {"en": f"animal {n % 8} does {n // 8}", "zh": t}
        for n, t in enumerate(SENTENCES)
    ]
    flags = ["--task", "translate", "--data.source", "files"]
    flags += ["--data.source_field", "en", "--data.target_field", "zh"]
    for split, part in (
        ("train", rows[:32]),
        ("valid", rows[32:40]),
        ("test", rows[40:]),
    ):
        flags += [f"--data.{split}", write(tmp_path / f"{split}.jsonl", part)]
    size = [*TINY, "--model.max_source", "32", "--model.max_target", "48"]
    loop = ["--training.epochs", "1", "--tokens_per_batch", "800", "--num_shapes", "1"]
    out = ["--models", "gru", "--out", str(tmp_path / "out")]
    assert main(["choose", *flags, *size, *loop, *out]) == 0
    assert "tok:zh" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["prefer", "reward-model"])
def test_pairs(command, tmp_path, capsys):
    small = {"width": 16, "feed_forward": 32, "decoder_layers": 1}
    save_policy(tmp_path / "start", toy_policy(**small))
    pairs = [
        {"prompt": text, "chosen": text[:2], "rejected": "不知道。"}
        for text in SENTENCES[:24]
    ]
    argv = [write(tmp_path / "pairs.jsonl", pairs), "--start", str(tmp_path / "start")]
    argv += ["--folds", "4", "--training.epochs", "1", "--out", str(tmp_path / "run")]
    assert main([command, *argv]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert (tmp_path / "run" / "best" / "model.safetensors").is_file()
