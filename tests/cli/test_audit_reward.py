"""`nutgraf audit-reward`: tables, selection, page and numbers, mistakes."""

from __future__ import annotations

import gzip
import json
import re
import sys

import pytest

from nutgraf.cli import audit_reward
from nutgraf.cli.main import main

DOCUMENT = "Heavy rain fell on Monday. Two roads in Bonn were closed for hours."
TEXTS = {
    "A": ("Heavy rain closed two roads in Bonn.", 5, 2),
    "B": ("Rain rain rain rain.", 1, 1),
    "C": ("Two roads were closed.", 4, 5),
}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Four articles with three systems; people judge fluency and focus."""
    monkeypatch.setenv("COLUMNS", "150")
    lines = [
        {
            "id": f"a{number}",
            "document": DOCUMENT,
            "references": ["Rain closed two roads in Bonn.", f"Roads {number} closed."],
            "systems": [
                {
                    "system": system,
                    "summary": text,
                    "scores": {"fluency": fluency, "focus": focus},
                }
                for system, (text, fluency, focus) in TEXTS.items()
            ],
        }
        for number in range(4)
    ]
    path = tmp_path / "judged.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write("".join(json.dumps(line) + "\n" for line in lines))
    return path


def tables(text):
    """First words of the lines of each table, by its first column."""
    found = {}
    for block in text.split("\n\n"):
        lines = [line.split("  ")[0] for line in block.splitlines()]
        found[lines[0]] = lines[1:]
    return found


def test_levels_and_coefficients_are_printed_for_the_chosen_rewards(file, capsys):
    argv = [str(file), "--rewards", "rouge1", "repetition", "--limit", "3"]
    assert audit_reward.run(argv) == 0
    printed = capsys.readouterr()
    found = tables(printed.out)
    for name in ("summary tau-b", "summary rho", "system tau-b", "system rho"):
        assert found[name] == ["rouge1", "repetition"]
    # rouge1: A 0.923, B 0.2, C 0.6; people A, C, B and C, A, B
    lines = printed.out.splitlines()
    cells = [re.split("  +", line.strip()) for line in lines[:2]]
    assert cells == [
        ["summary tau-b", "fluency", "focus", "articles"],
        ["rouge1", "1.00 [1.00, 1.00]", "0.33 [0.33, 0.33]", "3"],
    ]
    assert "n = 3 articles, 3 systems, 9 texts" in printed.out
    assert "fluency: with people rouge1 (1.00)" in lines[-2]
    assert "judging 6/6 repetition" in printed.err


CHINESE = {
    "A": ("大雨封了波恩的两条路", 5, 2),
    "B": ("雨雨雨雨", 1, 1),
    "C": ("两条路封了", 4, 5),
}


def test_chinese_texts_are_judged_by_their_characters(file, tmp_path, capsys):
    """The same as in English: A has most of the reference, B next to nothing."""
    path = tmp_path / "chinese.jsonl"
    record = {
        "document": "星期一下了大雨，波恩的两条路封了几个小时。",
        "references": ["大雨封了波恩两条路"],
        "systems": [
            {"system": name, "summary": text, "scores": {"fluency": a, "focus": b}}
            for name, (text, a, b) in CHINESE.items()
        ],
    }
    lines = [json.dumps({"id": str(n), **record}, ensure_ascii=False) for n in range(3)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert audit_reward.run([str(path), "--rewards", "rouge1"]) == 0
    assert "fluency: with people rouge1 (1.00)" in capsys.readouterr().out


def test_without_a_choice_all_ready_rewards_are_audited(file, capsys):
    from nutgraf.rewards.registry import ready_parts

    assert audit_reward.run([str(file), "--human", "focus", "--limit", "1"]) == 0
    text = capsys.readouterr().out
    assert tables(text)["system rho"] == list(ready_parts())
    assert "fluency" not in text and "nan" not in text.lower()
    assert "–" in text  # an exact match is never there


def test_own_functions_and_the_sum_of_all(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "def short(completions):\n    return [-len(text) for text in completions]\n"
    )
    specs = ["rouge1=1", "length(low=0.5)=0.2", "mine.py:short=2"]
    assert audit_reward.run([str(file), "--rewards", *specs, "--weighted-sum"]) == 0
    found = tables(capsys.readouterr().out)
    assert found["summary tau-b"] == [*specs, "weighted sum"]


def test_rewards_can_be_given_fewer_references(file, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "def shared(completions, references):\n"
        "    assert {len(texts) for texts in references} == {1}\n"
        "    return [float(t in r[0]) for t, r in zip(completions, references)]\n"
    )
    argv = [str(file), "--rewards", f"{tmp_path}/mine.py:shared", "--references", "1"]
    assert audit_reward.run(argv) == 0
    assert main(["audit-reward", *argv[:3]]) == 2  # there are two
    assert "AssertionError" in capsys.readouterr().err


def test_page_and_numbers_are_written(file, tmp_path, capsys):
    out = tmp_path / "audit"
    argv = [str(file), "--rewards", "rouge1", "--out", str(out)]
    assert audit_reward.run(argv) == 0
    assert f"wrote audit.html and audit.json into {out}" in capsys.readouterr().out
    assert "<svg" in (out / "audit.html").read_text(encoding="utf-8")
    numbers = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert numbers["articles"] == 4 and list(numbers["systems"]) == ["A", "B", "C"]
    assert numbers["rewards"]["rouge1"]["summary"]["kendall"]["fluency"]["value"] == 1.0
    assert numbers["settings"]["file"] == str(file)


def test_no_framework_is_needed(file, monkeypatch):
    for name in ("keras", "nutgraf.backend"):  # as if they could not be imported
        monkeypatch.setitem(sys.modules, name, None)
    assert audit_reward.run([str(file), "--rewards", "rouge1"]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--rewards", "rouge7"], "Received: 'rouge7'"),
        (["--human", "tone"], "fluency, focus. Received: 'tone'"),
        (["--limit", "-1"], "limit=-1"),
        (["--bad_rows", "mend"], '--bad_rows must be one of "fail", "skip"'),
        (["--rewards", "absent.py:f"], "absent.py, which does not exist"),
    ],
)
def test_mistakes_are_told_in_our_form(file, argv, message, capsys):
    assert main(["audit-reward", str(file), *argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "Received: " in error


def test_a_bad_line_is_told_with_its_place_or_left_out(file, tmp_path, capsys):
    path = tmp_path / "bad.jsonl"
    good = gzip.decompress(file.read_bytes()).decode()
    path.write_text(good + '{"document": "x", "references": ["y"]}\n{broken\n')
    assert main(["audit-reward", str(path), "--rewards", "rouge1"]) == 2
    error = capsys.readouterr().err
    assert f"{path}:5: the field `systems` is missing" in error
    argv = ["audit-reward", str(path), "--rewards", "rouge1", "--bad-rows", "skip"]
    assert main(argv) == 0
    assert "left out 2 bad rows among the first 6 rows:" in capsys.readouterr().out
