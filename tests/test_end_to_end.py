"""The commands as a user types them, on a corpus of a few sentences and a random two-layer model."""

import json
import shlex
import shutil
import tomllib

import numpy as np
import pytest
from command_line import pipeline
from safetensors.numpy import load_file

MODELS = ["teacher", "control", "student-forward", "student-reverse", "student-alternating"]


def words_of_test(folder):
    rows = (json.loads(line) for line in (folder / "data" / "test.jsonl").read_text().splitlines())
    return [word for row in rows for word in row["words"]]


def hashes(folder):
    return {name: json.loads((folder / name / "stage.json").read_text())["made_from"]["outputs"] for name in MODELS}


def test_a_run_leaves_sealed_stages_and_a_report(smoke):
    assert sorted(p.name for p in smoke.iterdir() if p.is_dir()) == sorted(["data", "figures", *MODELS])
    assert (smoke / "report.html").read_text().startswith("<!DOCTYPE html>")
    for name in MODELS:
        manifest = json.loads((smoke / name / "stage.json").read_text())
        assert set(manifest["made_from"]) == {"kind", "config", "seed", "inputs", "outputs"}
        assert {"command", "versions", "commit", "device", "precision", "seconds"} <= set(manifest["made_with"])
        assert str(smoke.parent) not in json.dumps(manifest)
        logits = load_file(smoke / name / "logits" / "test.safetensors")["logits"]
        assert logits.shape == (len(words_of_test(smoke)), 9)
        assert logits.dtype == np.float32
    assert not list(smoke.rglob("*.bin"))
    assert not list(smoke.rglob("*.pt"))


def test_words_tags_and_gold_stand_in_the_promised_format(smoke):
    rows = [json.loads(line) for line in (smoke / "data" / "train.jsonl").read_text().splitlines()]
    assert all(set(row) == {"words", "tags", "gold", "document"} for row in rows)
    flipped = [tag != gold for row in rows for tag, gold in zip(row["tags"], row["gold"], strict=True)]
    assert np.mean(flipped) == pytest.approx(0.2, abs=0.04)
    for split in ("dev", "test"):
        rows = [json.loads(line) for line in (smoke / "data" / f"{split}.jsonl").read_text().splitlines()]
        assert all(row["tags"] == row["gold"] for row in rows)


def test_metrics_has_every_stage_split_unit_and_temperature_once(smoke):
    records = json.loads((smoke / "metrics.json").read_text())
    keys = [(r["stage"], r["split"], r["unit"], r["scaled"]) for r in records]
    assert len(set(keys)) == len(keys) == len(MODELS) * 2 * 3 * 2
    for record in records:
        for metric in ("f1", "f1_strict", "precision", "recall", "ece", "mce", "mce30", "ace", "nll", "brier"):
            assert {metric, f"{metric}_low", f"{metric}_high"} <= set(record)
        assert (record["temperature"] == 1.0) or record["scaled"]
        assert record["parameters"] > 0 < record["megabytes"]
    pairs = {(d["stage"], d["minus"]) for d in json.loads((smoke / "differences.json").read_text())}
    assert pairs == {(s, other) for s in MODELS[2:] for other in ("teacher", "control")}


def test_differences_are_those_of_the_records(smoke):
    records = json.loads((smoke / "metrics.json").read_text())
    value = {(r["stage"], r["split"], r["unit"], r["scaled"]): r["nll"] for r in records}
    for d in json.loads((smoke / "differences.json").read_text()):
        where = (d["split"], d["unit"], d["scaled"])
        if d["nll"] is not None:
            assert d["nll"] == pytest.approx(value[(d["stage"], *where)] - value[(d["minus"], *where)])


def test_a_second_run_has_nothing_to_do(smoke):
    before = {p: p.stat().st_mtime_ns for p in smoke.rglob("*") if p.is_file() and p.name != "config.toml"}
    output = pipeline("run", "--run", smoke).output
    assert [line for line in output.splitlines() if "up to date" in line] == [
        f"{name}: up to date" for name in ("data", *MODELS, "eval")
    ]
    assert before == {p: p.stat().st_mtime_ns for p in smoke.rglob("*") if p.is_file() and p.name != "config.toml"}


def test_the_same_seed_gives_the_same_files_and_another_seed_others(smoke, tmp_path):
    pipeline("run", "smoke", "--run", tmp_path / "again")
    assert hashes(tmp_path / "again") == hashes(smoke)
    pipeline("teach", "--config", "smoke", "--run", tmp_path / "other", "--seed", 1)
    other = json.loads((tmp_path / "other" / "teacher" / "stage.json").read_text())["made_from"]["outputs"]
    assert all(other[file] != sha for file, sha in hashes(smoke)["teacher"].items() if file.startswith("logits/"))


def test_gold_changes_no_model(copied, tmp_path):
    """With the gold of every sentence rotated by one word, models and logits stay as they were."""
    before = hashes(copied)
    data = copied / "data"
    for split in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (data / f"{split}.jsonl").read_text().splitlines()]
        for row in rows:
            row["gold"] = row["gold"][1:] + row["gold"][:1]
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    reseal(data)
    for name in MODELS:
        shutil.rmtree(copied / name)
    pipeline("teach", "--run", copied)
    for name in MODELS[1:]:
        extra = ["--control"] if name == "control" else ["--kl", name.removeprefix("student-")]
        pipeline("distill", "--run", copied, *extra)
    assert hashes(copied) == before


def reseal(stage):
    from pipeline.files import file_sha256

    manifest = json.loads((stage / "stage.json").read_text())
    outputs = manifest["made_from"]["outputs"]
    manifest["made_from"]["outputs"] = {file: file_sha256(stage / file) for file in outputs}
    (stage / "stage.json").write_text(json.dumps(manifest))


def test_a_stage_command_makes_what_is_missing_before_it(tmp_path):
    output = pipeline("distill", "--config", "smoke", "--run", tmp_path / "run", "--kl", "jeffreys").output
    assert [line.split(":")[0] for line in output.splitlines() if "sealed in" in line] == [
        "data",
        "teacher",
        "student-jeffreys",
    ]
    assert output.splitlines()[-1] == f"next: pipeline eval --run {tmp_path / 'run'}"


def test_an_input_that_was_made_again_is_noticed(copied):
    pipeline("prepare", "--run", copied, "--rate", 0.5, "--force")
    error = pipeline("eval", "--run", copied, code=1).output
    assert "its data (data) was made again since" in error
    assert "--force" in error
    error = pipeline("run", "--run", copied, code=1).output
    assert "error:" in error
    assert "prepare" in error or "config.noise.rate" in error


def test_another_setting_for_a_sealed_stage_is_refused_with_the_ways_out(copied):
    error = pipeline("teach", "--run", copied, "--q", 0.5, code=1).output
    assert error.startswith(f"error: {copied / 'teacher'} was made with config.q = 0.0, this command has 0.5")
    assert "--force" in error
    assert "--name" in error
    assert len(error.strip().splitlines()) == 1
    pipeline("teach", "--run", copied, "--q", 0.5, "--name", "teacher-q5")
    pipeline("distill", "--run", copied, "--teacher", "teacher-q5", "--name", "student-q5", "--kl", "reverse")
    config = json.loads((copied / "student-q5" / "stage.json").read_text())["made_from"]
    assert config["inputs"]["teacher"]["folder"] == "teacher-q5"


def test_eval_prints_json_alone(smoke):
    result = pipeline("eval", "--run", smoke, "--json")
    assert json.loads(result.stdout) == json.loads((smoke / "metrics.json").read_text())
    assert "up to date" in result.stderr


def test_eval_prints_its_table_as_markdown(smoke):
    lines = pipeline("eval", "--run", smoke, "--markdown").stdout.splitlines()
    assert lines[0].startswith("| stage | F1 [95 %] | ECE |")
    assert len(lines) == 2 + 2 * len(MODELS)
    teacher = next(r for r in json.loads((smoke / "metrics.json").read_text()) if r["split"] == "test")
    assert f"| {teacher['ece']:.3f} |" in lines[2]


def test_eval_of_named_stages(copied):
    pipeline("eval", "teacher", "control", "--run", copied)
    records = json.loads((copied / "metrics.json").read_text())
    assert list(dict.fromkeys(r["stage"] for r in records)) == ["teacher", "control"]
    error = pipeline("eval", "nobody", "--run", copied, code=1).output
    assert "nobody" in error
    assert "teacher, control" in error


def test_tampered_logits_are_refused(copied):
    path = copied / "teacher" / "logits" / "dev.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    error = pipeline("eval", "--run", copied, "--force", code=1).output
    assert str(path) in error
    assert "pipeline teach" in error


def test_the_control_starts_where_the_teacher_started(smoke, tmp_path):
    """With no training at all, a control of all layers is the untrained encoder, not the fitted teacher."""
    pipeline(
        *("distill", "--run", shutil.copytree(smoke, tmp_path / "run"), "--control", "--name", "control-2"),
        *("--layers", 2, "--learning-rate", 1e-12, "--epochs", 1),
    )
    key = "bert.encoder.layer.1.output.dense.weight"
    teacher, control = (
        load_file(tmp_path / "run" / name / "model" / "model.safetensors")[key] for name in ("teacher", "control-2")
    )
    from pipeline.config_file import load
    from pipeline.corpus import Corpus
    from pipeline.encoders import from_scratch

    labels = json.loads((smoke / "data" / "labels.json").read_text())
    words = [w for s in Corpus.load(smoke / "data" / "train.jsonl", labels).sentences for w in s.words]
    start = from_scratch(load("smoke").teach.scratch, words, labels, seed=0).model.state_dict()[key].numpy()
    assert np.allclose(control, start, atol=1e-6)
    assert not np.allclose(teacher, start, atol=1e-4)


def test_a_student_may_use_another_tokenizer(smoke, tmp_path):
    run = shutil.copytree(smoke, tmp_path / "run")
    settings = ["distill.encoder=scratch", "distill.scratch.vocabulary=300", "distill.scratch.hidden=24"]
    settings += ["distill.scratch.layers=1", "distill.scratch.heads=2", "distill.epochs=3"]
    pipeline("distill", "--run", run, "--name", "other", *(a for s in settings for a in ("--set", s)))
    ours, theirs = (
        json.loads((run / name / "model" / "tokenizer.json").read_text())["model"]["vocab"]
        for name in ("other", "teacher")
    )
    assert len(ours) < len(theirs)
    log = [json.loads(line) for line in (run / "other" / "log.jsonl").read_text().splitlines()]
    dev = [record["dev_loss"] for record in log if "dev_loss" in record]
    assert dev[-1] < dev[0]


def test_every_divergence_and_objective_trains(smoke, tmp_path):
    run = shutil.copytree(smoke, tmp_path / "run")
    for kl in ("jeffreys", "jensen-shannon", "adaptive"):
        pipeline("distill", "--run", run, "--kl", kl, "--temperature", 2, "--alpha", 0.3)
    pipeline("distill", "--run", run, "--kl", "alternating", "--name", "by-epoch", "--set", "distill.alternate=epoch")
    records = pipeline("eval", "--run", run, "--json").stdout
    assert {r["stage"] for r in json.loads(records)} >= {"student-adaptive", "by-epoch"}


def test_neighbour_smoothing_changes_the_teacher(smoke, tmp_path):
    run = shutil.copytree(smoke, tmp_path / "run")
    own = ["--smoothing", 0.2]
    pipeline("teach", "--run", run, "--name", "smooth", *own)
    pipeline("teach", "--run", run, "--name", "neighbour", *own, "--set", "teach.neighbour=0.8")
    logits = [load_file(run / n / "logits" / "dev.safetensors")["logits"] for n in ("teacher", "smooth", "neighbour")]
    assert not np.allclose(logits[0], logits[1])
    assert not np.allclose(logits[1], logits[2])


def test_the_run_remembers_its_config(copied):
    config = tomllib.loads((copied / "config.toml").read_text())
    assert config["prepare"]["noise"] == {"kind": "uniform", "rate": 0.2}
    assert pipeline("prepare", "--run", copied).output.startswith("data: up to date")


def test_models_load_without_our_code(smoke):
    from transformers import AutoModelForTokenClassification
    from transformers import pipeline as transformers_pipeline

    model = AutoModelForTokenClassification.from_pretrained(smoke / "student-reverse" / "model")
    assert model.config.id2label[0] == "O"
    tagger = transformers_pipeline("token-classification", model=str(smoke / "student-reverse" / "model"), device="cpu")
    words = tagger("Reuters reported from Rome .", ignore_labels=[])
    assert {"entity", "score", "word"} <= set(words[0])


def test_mistakes_are_one_line_and_exit_1(tmp_path):
    for arguments, expected in [
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["run", "smoke", "--set", "teach.qq=1"], "teach.qq: unknown key"),
        (["teach", "--config", "smoke", "--q", 2], "q: expected a value less than or equal to 1"),
        (["prepare", "--config", "smoke", "--set", "prepare.source=files"], "train.txt"),
        (["distill", "--config", "smoke", "--layers", 9], "distill.layers: expected at most the teacher's 2"),
        (["teach", "--config", "smoke", "--encoder", str(tmp_path / "nothing")], "encoder"),
        (["distill", "--config", "smoke", "--teacher", "data"], "data"),
    ]:
        result = pipeline(*arguments, "--run", tmp_path / "run", code=1)
        error = [line for line in result.output.splitlines() if line.startswith("error: ")]
        assert len(error) == 1, result.output
        assert expected in error[0]
    pipeline("teach", "--no-such-flag", code=2)
    pipeline("distill", "--kl", "sideways", code=2)


def test_a_stage_made_by_flags_is_remembered_and_made_again_by_the_command_that_is_advised(copied):
    pipeline("distill", "--run", copied, "--kl", "jeffreys", "--set", "distill.temperature=2.0")
    (copied / "student-jeffreys" / "log.jsonl").write_text("")
    output = pipeline("run", "--run", copied, code=1).output  # no stage reads the log, but the report does
    assert "student-jeffreys: up to date" in output
    assert "log.jsonl: missing, or changed since" in output
    advised = output[output.index("`pipeline distill") :].split("`")[1]
    pipeline(*shlex.split(advised)[1:])
    made = json.loads((copied / "student-jeffreys" / "stage.json").read_text())["made_from"]["config"]
    assert (made["kl"], made["temperature"]) == ("jeffreys", 2.0)


def test_a_stage_named_twice_is_evaluated_once(copied):
    records = json.loads(pipeline("eval", "teacher", "teacher", "--run", copied, "--json", "--quiet").stdout)
    keys = [(r["stage"], r["split"], r["unit"], r["scaled"]) for r in records]
    assert {stage for stage, *_ in keys} == {"teacher"}
    assert len(set(keys)) == len(keys)


def test_bad_names_and_run_folders(tmp_path):
    output = pipeline("teach", "--config", "smoke", "--name", "a.b", "--run", tmp_path / "r", code=1).output
    assert output.startswith("error: --name: expected letters, digits")
    assert "found 'a.b'; choose another" in output
    (tmp_path / "file").write_text("")
    assert "expected a folder" in pipeline("prepare", "--config", "smoke", "--run", tmp_path / "file", code=1).output
