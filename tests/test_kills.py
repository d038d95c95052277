"""A run that is killed, stopped or signalled anywhere is finished by the same command, to the same bytes."""

import itertools
import json
import logging
import random
import signal
from collections import Counter

import pytest

from pipeline.files import file_sha256
from pipeline.run import find

STAGES = ["data", "probe", "teacher", "student-reverse"]
CHANGES = [
    'stages={teacher={command="teach", q="auto"}, student-reverse={command="distill", kl="reverse"}}',
    *(f"{table}.{key}" for table in ("teach", "distill") for key in ("batch_size=8", "checkpoint_minutes=0.001")),
]
RUN = ["run", "smoke", *itertools.chain.from_iterable(("--set", change) for change in CHANGES)]


MOMENTS = {  # what is there when a part of a run has begun, and the stage that it is part of
    "start": ("config.toml", "data"),
    "prepare": ("data.partial", "data"),
    "probe": ("probe.partial", "probe"),
    "probe, a fold": ("probe.partial/checkpoints/*/checkpoint-*", "probe"),
    "probe, next fold": ("probe.partial/checkpoints/1/checkpoint-*", "probe"),
    "teacher": ("teacher.partial", "teacher"),
    "training": ("teacher.partial/checkpoints/checkpoint-*", "teacher"),
    "second epoch": ("teacher.partial/checkpoints/checkpoint-1[3-9]", "teacher"),
    "saving": ("teacher.partial/checkpoints/checkpoint-*/*.pth", "teacher"),
    "logits": ("teacher.partial/model", "teacher"),
    "seal": ("teacher.partial/logits/test.safetensors", "teacher"),
    "manifest": ("teacher.partial/stage.json", "teacher"),
    "student": ("student-reverse.partial/checkpoints/checkpoint-*", "student-reverse"),
    "student, logits": ("student-reverse.partial/logits/train.safetensors", "student-reverse"),
    "student, manifest": ("student-reverse.partial/stage.json", "student-reverse"),
    "eval": ("student-reverse", "student-reverse"),
    "eval, files": ("metrics.json", "metrics.json"),
    "eval, page": ("figures/*", "report.html"),
}
PARTS = {"prepare", "probe", "training", "logits", "sealing", "eval"}


def has_come(run, moment):
    """Whether a part of the run has begun, or is over."""
    pattern, stage = MOMENTS[moment]
    return any(run.glob(pattern)) or (run / stage).exists()


def part(run):
    """In which part of its work a command was when it was killed."""
    partials = list(run.glob("*.partial"))
    if not partials:
        return "eval" if (run / STAGES[-1]).exists() else "between stages"
    (partial,) = partials
    inner = {path.name for path in partial.iterdir()}
    if "stage.json" in inner:
        return "sealing"
    if partial.name.startswith(("data", "probe")):
        return "prepare" if partial.name.startswith("data") else "probe"
    return "logits" if "model" in inner else "training"


@pytest.fixture(scope="module")
def whole(shell, tmp_path_factory):
    """What every stage of a run is made from, outputs included, that nothing happened to."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    shell.run(*RUN, "--run", folder)
    return pinned(folder)


def pinned(run):
    return {name: find(run, name).made_from for name in STAGES}


def check_that_all_is_whole(run):
    """Every folder with a final name is a stage whose files have the hashes of its manifest; nothing else is there."""
    for folder in run.iterdir() if run.exists() else ():
        if folder.is_dir() and folder.suffix != ".partial" and folder.name != "figures":
            outputs = find(run, folder.name).made_from["outputs"]
            assert outputs == {file: file_sha256(folder / file) for file in outputs}, folder
            files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
            assert files == {*outputs, "stage.json"}
    for file in run.glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"))


def newest_steps(run):
    """Of every training that goes on, the step of its newest whole checkpoint."""
    found = {}
    for listed in sorted(run.glob("*.partial/checkpoints/**/files.json")):
        where = listed.parent.parent
        if where.with_suffix(".safetensors").exists() or (where.parent / "stage.json").exists():
            continue  # a fold, or a stage, that is done: its checkpoints are being removed
        found[where] = max(found.get(where, 0), int(listed.parent.name.partition("-")[2]))
    return found


def kill_and_go_on(shell, run, plan, rng):
    """Start the command again and again, killed each time after a moment of the plan; then once to the end.

    Returns:
        The parts of its work in which it was killed.
    """
    killed, before = [], {}
    for moment in plan:
        command = shell.start(*RUN, "--run", run)
        if command.wait_for(lambda moment=moment: has_come(run, moment)):
            command.ended(rng.uniform(0, 0.5) ** 2)  # up to a quarter of a second, more often short
            command.send(signal.SIGKILL)
        if command.wait() == 0:
            break
        assert command.code == -signal.SIGKILL, command.output
        killed.append(part(run))
        check_that_all_is_whole(run)
        now = newest_steps(run)
        for where in before.keys() & now.keys():
            assert now[where] >= before[where], "nothing is done again that has a checkpoint"
        before = now
    assert shell.start(*RUN, "--run", run).wait() == 0
    return killed


def finished(run):
    check_that_all_is_whole(run)
    assert not [*run.glob("*.partial"), *run.glob("*.replaced"), *run.rglob(".*.tmp")]
    assert (run / "report.html").is_file()
    return pinned(run)


def test_killed_four_times(shell, whole, tmp_path):
    plan = ["probe, next fold", "training", "logits", "eval"]
    killed = kill_and_go_on(shell, tmp_path / "run", plan, random.Random(0))
    assert len(killed) >= 3
    assert finished(tmp_path / "run") == whole


@pytest.mark.slow
def test_killed_a_hundred_times(shell, whole, tmp_path):
    """At seeded moments of every part of a run; each run is finished and compared."""
    rng, killed = random.Random(1), Counter()
    for number in itertools.count(1):
        plan = [moment for moment in MOMENTS for _ in range(rng.choice((0, 1, 1, 2)))]
        run = tmp_path / str(number)
        killed.update(kill_and_go_on(shell, run, plan, rng))
        assert finished(run) == whole
        if killed.total() >= 100:
            break
    logging.info(f"{killed.total()} kills in {number} runs, each finished with the same hashes: {dict(killed)}")
    assert killed.keys() >= PARTS


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_stops_a_training_with_a_checkpoint_and_one_line(shell, whole, tmp_path, number, code):
    run = tmp_path / "run"
    command = shell.start(*RUN, "--run", run)
    assert command.wait_for(lambda: has_come(run, "training"))
    before = max(newest_steps(run).values(), default=0)
    command.send(number)
    assert command.wait() == code
    assert command.output.splitlines()[-1] == (
        "stopped; finished stages and the last checkpoint are kept, and the same command goes on from there"
    )
    assert command.output.count("stopped") == 1
    assert "Traceback" not in command.output
    (step,) = newest_steps(run).values()
    assert step > before
    shell.run(*RUN, "--run", run)
    assert finished(run) == whole


def test_a_signal_elsewhere_stops_at_once(shell, tmp_path):
    run = tmp_path / "run"
    command = shell.start(*RUN, "--run", run)
    assert command.wait_for(lambda: has_come(run, "prepare"))
    command.send(signal.SIGTERM)
    assert command.wait() == 143
    assert command.output.splitlines()[-1].startswith("stopped; ")
    assert "Traceback" not in command.output
