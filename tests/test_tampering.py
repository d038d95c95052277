"""Bytes of a run that change after the seal: what reads them says so, names the file, and says how to have it back."""

import json
import random
import re
import shutil

import pytest
from command_line import pipeline

from pipeline.files import file_sha256

FLIPS = [1, pytest.param(12, marks=pytest.mark.slow)]  # for each of the readers
EVAL, GEOMETRY = ("eval", "--force"), ("eval", "--geometry", "--force")
TEACH, DISTILL, AUDIT = ("teach", "--force"), ("distill", "--kl", "forward", "--force"), ("audit", "--force")
READERS = {  # files of a run, and the commands that read them
    "teacher/model/model.safetensors": (EVAL, GEOMETRY, DISTILL),
    "teacher/model/config.json": (GEOMETRY, DISTILL),
    "teacher/model/tokenizer.json": (GEOMETRY, DISTILL),
    "teacher/logits/train.safetensors": (DISTILL, ("audit", "--force", "--stage", "teacher")),
    "teacher/logits/dev.safetensors": (EVAL, DISTILL),
    "teacher/logits/test.safetensors": (EVAL,),
    "teacher/training/record.safetensors": (EVAL,),
    "teacher/log.jsonl": (EVAL,),
    "student-reverse/logits/test.safetensors": (EVAL,),
    "student-reverse/model/model.safetensors": (EVAL,),
    "data/train.jsonl": (EVAL, TEACH, DISTILL, AUDIT, ("probe", "--force"), ("bench",)),
    "data/dev.jsonl": (EVAL, GEOMETRY, TEACH, DISTILL),
    "data/test.jsonl": (EVAL, TEACH),
    "data/labels.json": (EVAL, TEACH, DISTILL, AUDIT, ("audit", "--apply")),
    "data/report.json": (EVAL, ("teach", "--correction", "known", "--force")),
    "probe/estimate.json": (EVAL, ("teach", "--q", "auto", "--force")),
    "probe/logits/train.safetensors": (AUDIT,),
    "audit/tags.jsonl": (("audit", "--apply"),),
    "audit/summary.json": (("audit",), ("audit", "--json")),
    "audit/words.jsonl": (("audit",),),
    "geometry-teacher/geometry.json": (EVAL,),
    "geometry-teacher/geometry.safetensors": (EVAL,),
}
MADE_BY = {"data": "prepare", "geometry-teacher": "eval --geometry", "student-reverse": "distill", "teacher": "teach"}
STAGES = ("data", "probe", "teacher", "control", "student-reverse", "audit", "geometry-teacher")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with every kind of stage; each test puts back what it spoils."""
    folder = tmp_path_factory.mktemp("runs") / "spoilt"
    pipeline("run", "smoke", "--run", folder)
    pipeline("audit", "--run", folder)
    pipeline("eval", "--geometry", "--run", folder)
    return folder


class Spoilt:
    """A file with one bit flipped, or cut short, for as long as the block lasts."""

    def __init__(self, path, rng):
        self.path, self.before = path, path.read_bytes()
        spoilt = bytearray(self.before)
        if rng.random() < 0.25:
            del spoilt[rng.randrange(len(spoilt)) :]
        else:
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        self.after = bytes(spoilt)

    def __enter__(self):
        self.path.write_bytes(self.after)
        return self.after

    def __exit__(self, *_):
        self.path.write_bytes(self.before)


def complaint(*arguments):
    """The one line with which a command ends."""
    result = pipeline(*arguments, code=1)
    assert isinstance(result.exception, SystemExit), f"{arguments}: {result.exception!r}"
    lines = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.output
    return lines[0]


def faults(folder):
    """What `pipeline verify` finds: the paths, in its order."""
    result = pipeline("verify", "--run", folder, "--json", code=None)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    found = [fault for one in json.loads(result.stdout)["checked"] for fault in one["faults"]]
    assert result.exit_code == bool(found)
    assert all(fault["found"] and fault["command"] for fault in found)
    return [fault["path"] for fault in found]


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("file", READERS)
def test_what_reads_a_spoilt_file_says_so(run, file, flips):
    rng = random.Random(f"{file} {flips}")
    stage = file.partition("/")[0]
    for turn in range(flips):
        command = READERS[file][turn % len(READERS[file])]
        with Spoilt(run / file, rng):
            line = complaint(*command, "--run", run)
            assert f"{run / file}: missing, or changed since" in line, command
            assert re.search(rf"make it again with `pipeline {MADE_BY.get(stage, stage)} --run \S+.* --force`$", line)
            if turn < 3:
                assert file in faults(run)
    assert not [path for path in run.glob("*.partial") if (path / "stage.json").exists()]
    for partial in run.glob("*.partial"):
        shutil.rmtree(partial)
    assert faults(run) == []


@pytest.mark.parametrize("flips", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_verify_notices_any_spoilt_file(run, flips):
    rng = random.Random(flips)
    apart = ("stage.json", "config.toml", "evaluation.json")
    files = [path for path in run.rglob("*") if path.name not in apart and path.parent.name != "figures"]
    files = sorted(path for path in files if path.is_file())
    for path in rng.choices(files, k=flips):
        with Spoilt(path, rng):
            found = faults(run)
        assert path.relative_to(run).as_posix() in found
    assert faults(run) == []


@pytest.mark.parametrize("flips", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_a_spoilt_index_of_what_was_derived_is_made_again(run, flips):
    rng, index = random.Random(flips), run / "evaluation.json"
    for _ in range(flips):
        with Spoilt(index, rng) as contents:
            faults(run)
            pipeline("eval", "--run", run)
            assert index.read_bytes() != contents
            assert faults(run) == []


def pinned(contents):
    """The half of a manifest that is hashed, or None where it cannot be read."""
    try:
        return json.loads(contents)["made_from"]
    except (ValueError, KeyError):
        return None


@pytest.mark.parametrize("flips", [1, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stage", STAGES)
def test_a_spoilt_manifest_is_noticed_by_verify_and_never_a_traceback(run, stage, flips):
    manifest, rng = run / stage / "stage.json", random.Random(f"{stage} {flips}")
    sealed = pinned(manifest.read_bytes())
    for _ in range(flips):
        with Spoilt(manifest, rng) as contents:
            found = faults(run)
            result = pipeline("eval", "--run", run, code=None)
            assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        if pinned(contents) != sealed:
            assert any(path.partition("/")[0] == stage for path in found)
        pipeline("eval", "--run", run)  # as it was, up to what a made_with says


def spoil(manifest, change):
    content = json.loads(manifest.read_text())
    change(content)
    manifest.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (lambda m: m["made_from"].update(kind="probe"), "stage.json: changed since it was sealed"),
        (lambda m: m["made_from"].update(seed=1), "stage.json: changed since it was sealed"),
        (lambda m: m["made_from"]["config"].update(epochs=7), "stage.json: changed since it was sealed"),
        (lambda m: m["made_from"]["inputs"]["data"].update(sha256="0" * 64), "stage.json: changed since it was sealed"),
        (lambda m: m["made_from"]["inputs"].pop("data"), "stage.json: changed since it was sealed"),
        (
            lambda m: m["made_from"]["outputs"].pop("logits/dev.safetensors"),
            "logits/dev.safetensors: missing, or chang",
        ),
        (lambda m: m["made_from"].pop("outputs"), "expected the manifest of a sealed stage, found KeyError"),
    ],
)
def test_a_parent_whose_manifest_changed_is_not_learned_from(run, tmp_path, change, noticed):
    folder = shutil.copytree(run, tmp_path / "run")
    spoil(folder / "teacher" / "stage.json", change)
    for command in (EVAL, DISTILL, GEOMETRY):
        line = complaint(*command, "--run", folder)
        assert noticed in line or "its teacher (teacher) was made again since" in line
        assert "`pipeline " in line
    found = faults(folder)
    assert any(path.startswith("teacher/") for path in found)
    assert {"control", "student-forward", "student-reverse"} <= {path.partition("/")[0] for path in found}


def test_a_child_knows_the_parent_it_was_made_from(run, tmp_path):
    """Even one that is sealed again, whole and in itself right, but is another."""
    folder = shutil.copytree(run, tmp_path / "run")
    spoil(folder / "teacher" / "stage.json", lambda m: m["made_from"]["outputs"].update({"log.jsonl": "0" * 64}))
    log = folder / "teacher" / "log.jsonl"
    log.write_text("")
    spoil(
        folder / "teacher" / "stage.json", lambda m: m["made_from"]["outputs"].update({"log.jsonl": file_sha256(log)})
    )
    assert "control: its teacher (teacher) was made again since" in complaint(*EVAL, "--run", folder)
    students = [f"student-{kl}" for kl in ("forward", "reverse", "alternating")]
    assert faults(folder) == ["control", *students, "geometry-teacher", "evaluation.json"]


@pytest.mark.parametrize(
    "made_with",
    [
        {"parameters": "many", "words_per_second": None, "seconds": "long", "versions": "new", "device": 1},
        pytest.param({}, marks=pytest.mark.slow),
    ],
)
def test_what_a_stage_was_made_with_may_be_wrong_on_the_page_but_breaks_nothing(run, tmp_path, made_with):
    folder = shutil.copytree(run, tmp_path / "run")
    for manifest in folder.glob("*/stage.json"):
        spoil(manifest, lambda m: m.update(made_with=made_with))
    for flag in ("--markdown", "--json"):
        assert pipeline("eval", "--run", folder, "--force", flag).exit_code == 0
    assert faults(folder) == []


def test_a_file_beside_a_model_is_not_read(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "teacher" / "model" / ".DS_Store").write_text("")  # which a file manager leaves where it looks
    pipeline("eval", "--geometry", "--run", folder, "--force")
    (folder / "teacher" / "model" / "added_tokens.json").write_text('{"the": 3}')
    for command in (DISTILL, GEOMETRY):
        assert f"{folder / 'teacher/model/added_tokens.json'}: expected only" in complaint(*command, "--run", folder)
    for partial in folder.glob("*.partial"):
        shutil.rmtree(partial)
    assert faults(folder) == ["teacher/model/.DS_Store", "teacher/model/added_tokens.json"]
