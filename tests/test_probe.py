"""`pipeline probe` and the teachers that read it, on a corpus of a few sentences."""

import json
import shutil

import numpy as np
import pytest
from command_line import pipeline
from safetensors.numpy import load_file

from pipeline import law
from pipeline.corpus import Corpus, Sentence
from stages.probe import folds


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "smoke"
    pipeline("probe", "--config", "smoke", "--run", folder, "--set", "prepare.embedded.train=160")
    return folder


def manifest(folder, name):
    return json.loads((folder / name / "stage.json").read_text())["made_from"]


def test_every_training_word_is_predicted_and_the_noise_written_down(run):
    estimate = json.loads((run / "probe" / "estimate.json").read_text())
    words = sum(len(json.loads(line)["words"]) for line in (run / "data" / "train.jsonl").read_text().splitlines())
    logits = load_file(run / "probe" / "logits" / "train.safetensors")["logits"]
    assert logits.shape == (words, 9)
    assert np.isfinite(logits).all()
    assert np.allclose(np.sum(estimate["transition"], axis=1), 1)
    assert 0 <= estimate["rate"] <= 1
    assert "up to date" in pipeline("probe", "--run", run).output


@pytest.mark.parametrize("which", ["estimated", "known"])
def test_a_corrected_teacher_knows_the_noise(run, which):
    pipeline("teach", "--run", run, "--name", which, "--correction", which)
    assert ("probe" in manifest(run, which)["inputs"]) == (which == "estimated")


def test_a_teacher_ends_at_the_q_that_the_estimate_asks_for(run):
    pipeline("teach", "--run", run, "--q", "auto", "--name", "automatic")
    made = manifest(run, "automatic")
    found = json.loads((run / "probe" / "estimate.json").read_text())
    q = law.calibrated_q(np.array(found["transition"]), np.array(found["prior"]), 1 - 0.6 * (1 - found["accuracy"]))
    assert found["calibrated_q"] == pytest.approx(q)
    recorded = made["config"]["q"]
    assert (recorded["to"] if isinstance(recorded, dict) else recorded) == pytest.approx(q, abs=1e-3)
    assert made["inputs"]["probe"]["folder"] == "probe"
    assert "up to date" in pipeline("teach", "--run", run, "--q", "auto", "--name", "automatic").output


def test_cross_entropy_is_also_shown_at_the_temperature_of_the_law(run, tmp_path, monkeypatch):
    monkeypatch.setattr("stages.evaluate.calibrated_q", lambda estimate: 0.6)  # a random model finds no noise
    copied = shutil.copytree(run, tmp_path / "run")
    pipeline("teach", "--run", copied, "--name", "plain", "--q", "0")
    pipeline("teach", "--run", copied, "--name", "robust", "--q", "0.5")
    pipeline("eval", "--run", copied, "plain", "robust")
    records = json.loads((copied / "metrics.json").read_text())
    rows = {r["stage"]: r for r in records if (r["split"], r["unit"], r["scaled"]) == ("test", "word", False)}
    assert list(rows) == ["plain", "plain+law", "robust"]
    assert rows["plain+law"]["temperature"] == 0.4
    same = ("f1", "accuracy", "n", "parameters", "role")
    assert [rows["plain+law"][key] for key in same] == [rows["plain"][key] for key in same]
    assert rows["plain+law"]["confidence"] > rows["plain"]["confidence"]
    assert not [r for r in records if r["stage"] == "plain+law" and r["scaled"]]
    assert "T = 1 − q = .40, from the estimated noise" in (copied / "report.html").read_text()


def test_where_no_noise_is_found_the_law_changes_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setattr("stages.evaluate.calibrated_q", lambda estimate: 0.0)
    copied = shutil.copytree(run, tmp_path / "run")
    pipeline("teach", "--run", copied, "--name", "plain", "--q", "0")
    pipeline("eval", "--run", copied, "plain")
    assert {r["stage"] for r in json.loads((copied / "metrics.json").read_text())} == {"plain"}


def test_the_law_is_held_against_every_teacher(run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "run")
    pipeline("teach", "--run", copied, "--name", "plain", "--q", "0")
    pipeline("eval", "--run", copied, "plain")
    found = {r["noise"]: r for r in json.loads((copied / "law.json").read_text()) if r["split"] == "test"}
    estimate = json.loads((copied / "probe" / "estimate.json").read_text())
    rate = json.loads((copied / "data" / "report.json").read_text())["noise"]["word_flip_rate"]
    assert set(found) == {"estimated", "known"}
    assert found["known"]["confidence"] == pytest.approx(1 - rate, abs=0.02)
    expected = law.confidence(np.array(estimate["transition"]), np.array(estimate["prior"]))
    assert found["estimated"]["confidence"] == pytest.approx(expected)


def test_a_run_holds_the_probe_to_its_config(tmp_path):
    arguments = "run", "smoke", "--run", tmp_path / "run", "--set", 'teach.q="auto"'
    pipeline(*arguments)
    assert "probe: up to date" in pipeline(*arguments).output
    result = pipeline(*arguments, "--set", "probe.folds=3", code=1)
    assert "probe" in result.output
    assert "folds" in result.output


def test_a_ramp_reaches_teacher_control_and_report(tmp_path):
    run = tmp_path / "smoke"
    ramp = "{from=0.0, to=0.5, start=0.2, end=0.4, peak=0.9}"
    pipeline("teach", "--config", "smoke", "--run", run, "--set", f"teach.q={ramp}")
    pipeline("distill", "--run", run, "--control")
    pipeline("eval", "--run", run)
    assert manifest(run, "teacher")["config"]["q"]["peak"] == 0.9
    assert "q = 0 → .9 → .5" in (run / "report.html").read_text()


def test_folds_keep_documents_whole_and_are_even():
    sentences = [Sentence(("a",), ("O",), None, document) for document in np.repeat(np.arange(50), 3).tolist()]
    fold = folds(Corpus(("O",), sentences), 2, seed=0)
    assert all(len(set(part)) == 1 for part in np.split(fold, 50))
    assert abs(int((fold == 0).sum()) - 75) <= 3


def test_without_documents_sentences_are_dealt_out():
    corpus = Corpus(("O",), [Sentence(("a",), ("O",)) for _ in range(10)])
    assert sorted(folds(corpus, 2, seed=0).tolist()) == [0] * 5 + [1] * 5


def test_a_correction_and_a_q_exclude_each_other(run):
    result = pipeline(
        "teach", "--config", "smoke", "--run", run, "--q", "0.5", "--set", "teach.correction=known", code=1
    )
    assert "corrects plain cross-entropy" in result.output
