"""The parts of `make bench` that compute without measuring."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import batches  # noqa: E402
import check  # noqa: E402
import duel  # noqa: E402
import flops  # noqa: E402
import kept  # noqa: E402
import lengths  # noqa: E402
import pairs  # noqa: E402
import performance  # noqa: E402
import speed  # noqa: E402
import workload  # noqa: E402

from nutgraf.metrics.significance import PairedTest  # noqa: E402

TINY = {
    "width": 2,
    "feed_forward": 3,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "vocabulary_size": 5,
    "copy": True,
}


def test_quantiles_invert_the_histogram():
    # bins (0, 1/2] with 1 and (1/2, 1] with 3: a quarter lies below 1/2
    shares = np.array([0.125, 0.25, 0.625, 1.0])
    found = workload.quantiles([1, 3], shares)
    np.testing.assert_allclose(found, [0.25, 0.5, 0.75, 1.0], rtol=1e-6)


@pytest.mark.parametrize("shape", ["a", "b", "c"])
def test_real_lengths_have_the_stated_mean_in_every_round(shape):
    sizes = workload.SHAPES[shape]
    first, second = (workload.completion_lengths(sizes, n) for n in (0, 1))
    assert first.shape == (sizes["prompts"], sizes["samples"])
    assert abs(first.mean() / sizes["length"] - 0.4) < 0.02
    assert sorted(first.flat) == sorted(second.flat)
    assert (first != second).any()
    assert first.min() >= 2 and first.max() <= sizes["length"]


def test_actions_end_where_their_length_says():
    task = {"shape": "a", "lengths": "real"}
    actions, mask = workload.actions_of(task, 3)
    lengths_of = workload.lengths_of(task, 3)
    assert (mask.sum(-1) == lengths_of).all()
    assert ((actions == workload.EOS).argmax(-1) == lengths_of - 1).all()
    assert ((actions == workload.EOS).sum(-1) == 1).all()
    assert (actions[~mask] == workload.PAD).all()


def test_a_task_changes_the_sizes_of_its_shape():
    shape = workload.shape_of({"shape": "a", "length": 8, "vocabulary": 99})
    assert (shape["length"], shape["source"]) == (8, 128)
    assert shape["model"]["vocabulary_size"] == 99
    assert workload.SMALL["vocabulary_size"] == 16_000


def test_texts_stop_at_the_end():
    words = ["zero", "one", "two", "three", "four"]
    assert workload.text_of(np.array([4, 8, 2, 3]), words) == "four three"


def test_operations_by_hand():
    # one source of 2 tokens, one sample of 3 actions; 2·D² = 8, 4·D·F = 24, 4·D = 8
    parts = flops.forward(TINY, np.array([2]), np.array([[3]]))
    assert parts == {
        # 2 tokens · (4 · 8 + 24) + 8 · 2² of attention + 2 tokens · 2 · 8 keys, values
        "encoder": 2 * 56 + 32 + 32,
        "decoder": 3 * (6 * 8 + 24),
        "attention": 8 * (1 + 2 + 3 + 3 * 2),
        "vocabulary": 3 * 2 * 2 * 5,
        "copy": (2 + 3) * 8 + 2 * 2 * 3 * 2,
    }


def test_operations_of_a_step_are_three_passes_and_weighed():
    batch = {"rows": [[0, 2, 3]], "weight": 2}
    once = sum(flops.forward(TINY, np.array([2]), np.array([[3]])).values())
    assert flops.supervised(TINY, [batch]) == 6 * once


def test_lengths_are_stretched_to_a_mean():
    found = lengths.stretched(np.array([1.0, 2.0, 3.0, 40.0]), 0.4)
    assert found.mean() == pytest.approx(0.4, abs=1e-6)
    assert found[1] == pytest.approx(2 * found[0]) and found[3] == 1.0


def test_batches_by_length_stand_for_the_whole_epoch():
    plan = batches.by_length(rows=600)
    held = sum(batch["weight"] * batch["count"] for batch in plan)
    assert 600 <= held < 900  # the last batch of a shape may not be full
    for batch in plan:
        assert len(batch["rows"]) <= batch["count"]
        made = workload.supervised_batch(batch, 50, fit=False)
        assert made["source"].shape == (batch["count"], batch["source"])
        assert made["target"].shape == (batch["count"], batch["target"])
        counts = sum(int((ids > 0).sum()) for ids in made.values())
        assert counts == workload.tokens_of(batch)


def test_random_batches_are_padded_to_their_longest_row():
    (batch,) = batches.at_random(1, size=4, rows=64)
    made = workload.supervised_batch(batch, 50, fit=True)
    _, sources, targets = zip(*batch["rows"], strict=True)
    assert made["source"].shape == (4, max(sources))
    assert made["target"].shape == (4, max(targets))


class Scripted:
    """A side whose seconds are known beforehand."""

    def __init__(self, name, seconds, tokens, log):
        self.name, self.seconds, self.tokens = name, seconds, tokens
        self.log = log

    def take(self, task, number=0):
        self.log.append((self.name, task["is"], number))
        return {"seconds": self.seconds[number], "tokens": self.tokens}


def test_sides_take_turns_and_their_speeds_are_compared():
    log = []
    ours = Scripted("ours", [9.0, 1.0, 3.0, 2.0], 10, log)
    peer = Scripted("peer", [9.0, 4.0, 4.0, 4.0], 5, log)
    turns = [(ours, {"is": "this"}), (peer, {"is": "that"})]
    found = duel.take_turns(turns, 3)
    assert found["ours"]["median"] == 2.0  # the warm-up does not count
    assert found["ours"]["speed"] == 5.0
    assert found["ratio"] == 4.0  # 10 / 2 tokens a second against 5 / 4
    assert found["ratio_of_rounds"] == [8.0, 2.667, 4.0]
    assert [name for name, _, _ in log[2:6]] == ["ours", "peer", "peer", "ours"]
    assert {task for name, task, _ in log if name == "peer"} == {"that"}


def test_texts_are_written_once_and_tests_are_kept_rounded(tmp_path):
    file = tmp_path / "run" / "test.json"
    assert kept.kept_texts(file, lambda: ["one", "zwei 二"]) == ["one", "zwei 二"]
    assert kept.kept_texts(file, lambda: pytest.fail("again")) == ["one", "zwei 二"]
    found = kept.rounded_test(PairedTest(1.234, -0.001, 2.5, 0.01234))
    assert found == {"difference": [1.23, -0.0, 2.5], "p_value": 0.0123}


def test_long_steps_take_three_rounds():
    sides = [Scripted(name, [0, 11, 11, 11], 1, []) for name in ("ours", "peer")]
    found = duel.take_turns([(side, {"is": ""}) for side in sides], 5)
    assert found["ours"]["seconds"] == [11, 11, 11]


def row(measured, best="high", target=None):
    return {"name": "x", "measured": measured, "best": best, "target": target}


def test_a_ratio_is_worse_when_it_lost_more_than_is_tolerated():
    old = {"speed": row(4.0), "memory": row(0.4, "low"), "new": row(1.0)}
    fine = {"speed": row(3.1), "memory": row(0.5, "low")}
    assert check.worse(fine, old, 0.25) == []
    bad = {"speed": row(2.9), "memory": row(0.6, "low"), "unknown": row(0.0)}
    assert check.worse(bad, old, 0.25) == ["speed", "memory"]


def test_check_fails_for_a_worse_ratio(tmp_path, capsys, monkeypatch):
    from nutgraf.files import write_json

    for folder, measured in (("new", 1.0), ("old", 2.0)):
        (tmp_path / folder).mkdir()
        write_json(tmp_path / folder / "speed_a.json", {"rows": [row(measured)]})
    folders = [
        "--measured",
        str(tmp_path / "new"),
        "--committed",
        str(tmp_path / "old"),
    ]
    monkeypatch.setattr(sys, "argv", ["check", *folders])
    assert check.main() == 1
    assert "WORSE" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["check", *folders, "--tolerance", "0.6"])
    assert check.main() == 0
    monkeypatch.setattr(sys, "argv", ["check", "--measured", str(tmp_path)])
    assert check.main() == 2


def test_targets_are_met_from_the_right_side():
    assert performance.met(row(2.0, "high", 1.5)) is True
    assert performance.met(row(1.0, "high", 1.5)) is False
    assert performance.met(row(0.5, "low", 0.4)) is False
    assert performance.met(row(0.0, "low", 0)) is True
    assert performance.met(row(1.0)) is None


def test_the_page_says_what_is_not_met(tmp_path):
    line = row(1.234, "high", 1.5) | {"what": "step", "against": "peer"}
    line |= {"stretch": 2.0, "range": [1.0, 1.5]}
    side = {"median": 0.5, "speed": 1234.5}
    group = {
        "rows": [line],
        "pairs": {"x": {"settings": {"wait": "active"}, "ours": side, "peer": side}},
        "probes": {"p": [{"settings": {"wait": "active"}, "seconds": 0.5}]},
        "machine": {"cpu": "some", "cores": 2, "load": 0.1},
        "versions": {"ours": {"python": "3"}},
        "date": "2026-01-01",
        "threads": 2,
        "backend": "tensorflow",
    }
    points = {axis: [{"at": 1, "seconds": 0.5}] for axis in ("samples", "source")}
    grown = {**group, "rows": [], "pairs": {}, "probes": {}, "growth": points}
    text = performance.page({"supervised": group, "growth": grown}, "Notes.\n")
    assert "| step | peer | ≥ 1.5 (2.0) | 1.23 (1–1.5) | **no** |" in text
    assert "Notes." in text and "| p | wait active | 0.500 |" in text
    performance.plot(points, tmp_path / "growth.svg")
    first = (tmp_path / "growth.svg").read_bytes()
    performance.plot(points, tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").read_bytes() == first


def test_every_pair_has_a_peer_and_a_name_of_its_own():
    names = [pair.name for pair in pairs.PAIRS]
    assert len(set(names)) == len(names)
    for pair in pairs.PAIRS:
        module, task = pairs.PROBES[pair.probe]
        assert (ROOT / "benchmarks" / "peers" / f"{module}.py").is_file()
        assert any(
            all(one[key] == value for key, value in pair.only.items())
            for one in pairs.GRIDS[module]
        )
        for told in (pair.task, task):
            assert told.get("batches", "fixed") in speed.PLANS
            workload.model_config(told)


def test_worker_files_stay_readable():
    for path in (ROOT / "benchmarks" / "peers").glob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 250, path
