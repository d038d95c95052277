"""`pipeline verify` on whole runs and broken ones: what it finds, and that what it advises mends it."""

import fcntl
import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from command_line import pipeline


def faults(folder):
    found = json.loads(pipeline("verify", "--run", folder, "--json", code=None).stdout)
    return [fault for one in found["checked"] for fault in one["faults"]]


def follow(command):
    """Do what a fault advises."""
    program, *arguments = shlex.split(command)
    if program == "rm":
        shutil.rmtree(arguments[-1]) if arguments[0] == "-r" else Path(arguments[0]).unlink()
    else:
        assert program == "pipeline"
        pipeline(*arguments)


def test_a_whole_run(smoke):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in smoke.rglob("*")}
    output = pipeline("verify", "--run", smoke).output
    assert output.count("as sealed") == len(("data", "teacher", "control", "3 students", "", "", "(derived)"))
    assert "warning" not in output
    found = json.loads(pipeline("verify", "--run", smoke, "--json").stdout)
    assert [one["name"] for one in found["checked"]][:2] == ["data", "teacher"]
    assert sum(one["files"] for one in found["checked"]) == sum(
        path.is_file() and path.parent.name != "figures" for path in smoke.rglob("*")
    )
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in smoke.rglob("*")}


def test_a_run_that_is_not_there(tmp_path):
    assert "expected the folder of a run" in pipeline("verify", "--run", tmp_path / "none", code=1).output
    assert not (tmp_path / "none").exists()


def test_a_run_without_models_or_evaluation(tmp_path):
    pipeline("prepare", "--config", "smoke", "--run", tmp_path / "run")
    assert faults(tmp_path / "run") == []


@pytest.mark.parametrize(
    ("spoil", "path", "found"),
    [
        (lambda run: (run / "teacher.partial").mkdir(), "teacher.partial", "before the seal"),
        (lambda run: (run / "teacher.replaced").mkdir(), "teacher.replaced", "while it replaced a stage"),
        (lambda run: (run / "notes").mkdir(), "notes", "a folder without stage.json"),
        (lambda run: (run / ".metrics.json.12.tmp").touch(), ".metrics.json.12.tmp", "while it wrote"),
        (lambda run: (run / "control" / "notes").touch(), "control/notes", "not in the manifest"),
        (lambda run: (run / "control" / "link").symlink_to(run), "control/link", "not in the manifest"),
        (lambda run: (run / "control" / "log.jsonl").unlink(), "control/log.jsonl", "missing"),
        (
            lambda run: (run / "control" / "log.jsonl").write_text(""),
            "control/log.jsonl",
            "changed since it was sealed",
        ),
        (lambda run: (run / "control" / "stage.json").unlink(), "control", "a folder without stage.json"),
        (lambda run: (run / "control" / "stage.json").write_text("[]"), "control/stage.json", "not the manifest"),
        (lambda run: shutil.rmtree(run / "control"), "evaluation.json", "control, which it was made from, is missing"),
        (lambda run: (run / "report.html").unlink(), "report.html", "missing"),
        (lambda run: (run / "metrics.json").write_text("[]"), "metrics.json", "changed since it was written"),
        (lambda run: (run / "evaluation.json").unlink(), "evaluation.json", "missing, so nothing says"),
        (lambda run: (run / "evaluation.json").write_text("[]"), "evaluation.json", "not what evaluation writes"),
        (lambda run: (run / "config.toml").write_text("q = 1"), "config.toml", "q: unknown key"),
    ],
)
def test_what_is_found(copied, spoil, path, found):
    spoil(copied)
    first = faults(copied)[0]
    assert first["path"] == path
    assert found in first["found"]
    result = pipeline("verify", "--run", copied, "--quiet", code=1)
    assert f"warning: {copied / path}: " in result.output


def test_work_in_progress_is_no_fault(copied):
    partial = copied / "teacher.partial"
    partial.mkdir()
    descriptor = os.open(partial, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert faults(copied) == []
    os.close(descriptor)
    assert [fault["path"] for fault in faults(copied)] == ["teacher.partial"]


def test_what_is_advised_mends_the_run(copied):
    (copied / "other.partial").mkdir()
    (copied / "student-forward" / "model" / "vocab.txt").touch()
    (copied / "teacher" / "model" / "model.safetensors").write_bytes(b"")
    (copied / "control" / "stage.json").write_text("{}")
    manifest = copied / "student-reverse" / "stage.json"
    manifest.write_text(manifest.read_text().replace('"reverse"', '"forward"'))
    (copied / "data" / "stage.json").write_text("")
    (copied / "metrics.json").write_text("[]")
    done = []
    while found := faults(copied):
        done.append(found[0]["command"])
        follow(found[0]["command"])
        assert len(done) < 15, done
    kinds = [command.split(" --")[0].removeprefix("pipeline ") for command in done]
    assert sorted(kind.partition(" /")[0] for kind in kinds) == ["distill"] * 2 + [
        "eval",
        "prepare",
        "rm",
        "rm -r",
        "teach",
    ]
    pipeline("run", "--run", copied)
    assert faults(copied) == []


def test_data_from_a_folder_of_files(tmp_path):
    """The folder of a data set is no stage: its name and hash stand in the manifest in the same form."""
    (tmp_path / "source").mkdir()
    row = {"tokens": ["Rome", "said"], "ner_tags": ["B-LOC", "O"]}
    for split in ("train", "validation", "test"):
        (tmp_path / "source" / f"{split}.jsonl").write_text(20 * (json.dumps(row) + "\n"))
    settings = ["--set=prepare.source=hub", f"--set=prepare.hub.dataset={tmp_path / 'source'}"]
    pipeline("run", "smoke", "--run", tmp_path / "run", *settings, "--set", 'stages={teacher={command="teach"}}')
    assert faults(tmp_path / "run") == []
