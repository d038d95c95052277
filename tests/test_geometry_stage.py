"""`pipeline eval --geometry`, and what evaluation makes of a training's record, on a run of a few sentences."""

import json
import shutil

import numpy as np
import pytest
from command_line import pipeline
from safetensors.numpy import load_file

from pipeline.corpus import Corpus
from pipeline.geometry import scatter
from pipeline.training_record import FILE, TrainingRecord


def read(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two teachers, one of them measured, and a student; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("runs") / "smoke"
    fast = ["--set", 'eval.splits=["dev"]', "--set", "eval.resamples=5"]
    pipeline("teach", "--config", "smoke", "--run", folder, "--epochs", 6, *fast)
    pipeline("teach", "--run", folder, "--name", "other", "--q", 0.7, "--epochs", 1)
    pipeline("distill", "--run", folder, "--kl", "forward")
    pipeline("eval", "--run", folder)
    assert read(folder / "geometry.json") == []
    pipeline("eval", "--run", folder, "--geometry")
    return folder


@pytest.fixture
def copied(measured, tmp_path):
    return shutil.copytree(measured, tmp_path / "smoke")


def corpus(folder, split):
    return Corpus.load(folder / "data" / f"{split}.jsonl", read(folder / "data" / "labels.json"))


# --- geometry


def test_every_teacher_has_a_sealed_stage_of_its_own(measured):
    assert sorted(p.name for p in measured.glob("geometry-*")) == ["geometry-other", "geometry-teacher"]
    for name in ("teacher", "other"):
        made_from = read(measured / f"geometry-{name}" / "stage.json")["made_from"]
        assert made_from["kind"] == "geometry"
        assert made_from["inputs"]["teacher"]["folder"] == name
        assert made_from["config"]["split"] == "dev"
        assert set(made_from["outputs"]) == {"geometry.json", "geometry.safetensors"}


def test_the_numbers_are_those_of_the_model(measured):
    """Held against hidden states that the library gives, sentence by sentence."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    folder = measured / "teacher" / "model"
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    dev = corpus(measured, "dev")
    rows = []
    for sentence in dev.sentences:
        encoded = tokenizer(list(sentence.words), is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            states = model(**encoded, output_hidden_states=True).hidden_states[-1][0]
        ids = encoded.word_ids()
        rows += [states[ids.index(k)].numpy() for k in range(len(sentence.words))]
    hidden = np.array(rows)
    (found,) = [r for r in read(measured / "geometry.json") if r["stage"] == "teacher"]
    expected = scatter(hidden, dev.gold, balanced=True).as_record()
    assert found["balanced"] == pytest.approx(expected, rel=1e-4)
    assert found["words"]["norm"] == pytest.approx(np.linalg.norm(hidden, axis=1).mean(), rel=1e-4)
    assert found["n"] == len(hidden)
    assert sum(part["n"] for part in found["per_class"].values()) == len(hidden)

    # The picture: the same words, and what tells the three classes apart is in it.
    tensors = load_file(measured / "geometry-teacher" / "geometry.safetensors")
    chosen = [dev.labels.index(label) for label in found["classes"]]
    assert [label[:2] for label in found["classes"]] == ["B-"] * 3
    of_three = np.isin(dev.gold, chosen)
    assert sorted(tensors["labels"]) == sorted(dev.gold[of_three])
    head = model.classifier.weight.detach().numpy()[chosen]
    for position, k in enumerate(chosen):
        ours = tensors["points"][tensors["labels"] == k]
        np.testing.assert_allclose(found["points"][position], ours, atol=1e-4)
        logits = hidden[dev.gold == k] @ (head[1] - head[0])
        shown = ours @ (tensors["templates"][1] - tensors["templates"][0])
        np.testing.assert_allclose(np.ptp(logits), np.ptp(shown), rtol=1e-3)


def test_measuring_twice_has_nothing_to_do(measured):
    before = {p: p.stat().st_mtime_ns for p in measured.rglob("*") if p.is_file()}
    lines = pipeline("eval", "--run", measured, "--geometry").output.splitlines()
    assert [line for line in lines if "up to date" in line] == [
        f"{name}: up to date" for name in ("geometry-teacher", "geometry-other", "eval")
    ]
    assert before == {p: p.stat().st_mtime_ns for p in measured.rglob("*") if p.is_file()}


def test_the_measures_are_made_again_byte_for_byte(copied):
    before = (copied / "geometry-teacher" / "stage.json").read_bytes(), read(copied / "geometry.json")
    pipeline("eval", "--run", copied, "--geometry", "--force")
    after = (copied / "geometry-teacher" / "stage.json").read_bytes(), read(copied / "geometry.json")
    assert after[0] != before[0]
    assert json.loads(after[0])["made_from"] == json.loads(before[0])["made_from"]
    assert after[1] == before[1]


def test_a_student_is_measured_when_it_is_named(copied):
    pipeline("eval", "student-forward", "--run", copied, "--geometry")
    assert [r["stage"] for r in read(copied / "geometry.json")] == ["student-forward"]
    pipeline("eval", "--run", copied)
    assert [r["stage"] for r in read(copied / "geometry.json")] == ["teacher", "student-forward", "other"]
    assert "geometry-student-forward: up to date" in pipeline("eval", "--run", copied, "--geometry").output


def test_a_new_teacher_is_measured_anew(copied):
    pipeline("teach", "--run", copied, "--name", "other", "--epochs", 1, "--q", 0.2, "--force")
    output = pipeline("eval", "--run", copied).output
    assert f"other was made again since; measure it with `pipeline eval --run {copied} --geometry`" in output
    assert [r["stage"] for r in read(copied / "geometry.json")] == ["teacher"]
    output = pipeline("eval", "--run", copied, "--geometry").output
    assert "geometry-teacher: up to date" in output
    assert "geometry-other: sealed" in output
    assert [r["stage"] for r in read(copied / "geometry.json")] == ["teacher", "other"]


def test_a_file_that_was_changed_is_refused_with_the_command_that_makes_it(copied):
    (copied / "geometry-other" / "geometry.json").write_text("{}")
    error = pipeline("eval", "--run", copied, "--force", code=1).output
    assert "geometry-other/geometry.json: missing, or changed" in error
    assert f"`pipeline eval --geometry --run {copied} --force`" in error
    pipeline("eval", "--geometry", "--run", copied, "--force")


def test_a_model_may_not_stand_where_the_measures_go(copied):
    shutil.rmtree(copied / "geometry-other")
    pipeline("teach", "--run", copied, "--name", "geometry-other", "--epochs", 1)
    error = pipeline("eval", "other", "--run", copied, "--geometry", code=1).output
    assert "expected a stage made by geometry, found teach" in error


def test_metrics_stay_as_they_are(measured, copied):
    for stage in copied.glob("geometry-*"):
        shutil.rmtree(stage)
    pipeline("eval", "--run", copied)
    assert read(copied / "geometry.json") == []
    assert read(copied / "metrics.json") == read(measured / "metrics.json")
    assert "Representations" in (measured / "report.html").read_text()
    assert "Representations" not in (copied / "report.html").read_text()


# --- gradients


def test_the_gradients_of_every_recorded_training_are_told_apart_by_gold(measured):
    rows = read(measured / "gradients.json")
    assert [(r["stage"], r["epoch"]) for r in rows] == [("teacher", e) for e in range(1, 7)] + [("other", 1)]
    train = corpus(measured, "train")
    flipped = train.tags != train.gold
    record = TrainingRecord.load(measured / "teacher" / FILE).check(train, "teacher")
    for row, weights in zip(rows, record.gradient_weights.astype(np.float64), strict=False):
        assert row["words_share"] == pytest.approx(flipped.mean())
        assert row["weight_share"] == pytest.approx(weights[flipped].sum() / weights.sum())
        assert row["flipped"]["n"] == flipped.sum()
    np.testing.assert_allclose(record.gradient_weights, 1 - record.tag_probabilities, atol=1e-3)  # q = 0
    assert "Where the gradient goes" in (measured / "report.html").read_text()


def test_without_gold_there_is_no_telling(copied):
    shutil.rmtree(copied / "other")
    path = copied / "data" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "gold"}) + "\n" for row in rows))
    reseal(copied)
    pipeline("eval", "teacher", "--run", copied)
    assert read(copied / "gradients.json") == []
    assert "Where the gradient goes" not in (copied / "report.html").read_text()


def reseal(folder):
    """Make the manifests fit data that was changed by hand."""
    from pipeline.files import file_sha256
    from pipeline.run import find

    data = read(folder / "data" / "stage.json")
    outputs = data["made_from"]["outputs"]
    data["made_from"]["outputs"] = {file: file_sha256(folder / "data" / file) for file in outputs}
    (folder / "data" / "stage.json").write_text(json.dumps(data))
    teacher = read(folder / "teacher" / "stage.json")
    teacher["made_from"]["inputs"]["data"] = find(folder, "data").as_input()
    del teacher["made_with"]["settings_sha256"]
    (folder / "teacher" / "stage.json").write_text(json.dumps(teacher))
