"""Sealed folders: what is in a manifest, when work is kept, who may make a stage, and what a reader notices."""

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import pipeline
from pipeline import sealing
from pipeline.errors import PipelineError
from pipeline.files import file_sha256, first_difference
from pipeline.run import find, making, remake_command, stages, up_to_date
from pipeline.sealing import HOLDER, MANIFEST

DATA = {"kind": "prepare", "config": {"limit": None, "noise": {"rate": 0.4}}, "seed": 0, "inputs": {}}
TEACHER = {"kind": "teach", "config": {"q": 0.5, "epochs": 3}, "seed": 0, "inputs": {}}


def make(folder, name="teacher", made_from=TEACHER, files=None, **made_with):
    with making(folder, name, made_from, made_with, force=True) as partial:
        for path, text in (files or {"log.jsonl": "{}\n", "model/weights": "w"}).items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).write_text(text, encoding="utf-8")
    return find(folder, name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def complaint(function, *args, **kwargs):
    with pytest.raises(PipelineError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- sealing ----------------------------------------------------------------------------------------------------------


def test_a_sealed_stage_reads_back(tmp_path):
    stage = make(tmp_path / "new" / "run", seconds=1.5)
    assert names(tmp_path / "new" / "run") == ["teacher"]
    assert names(stage.folder) == ["log.jsonl", "model", MANIFEST]
    assert (stage.name, stage.kind) == ("teacher", "teach")
    assert stage.made_from == {
        **TEACHER,
        "outputs": {f: file_sha256(stage.folder / f) for f in ("log.jsonl", "model/weights")},
    }
    assert stage.made_with == {"seconds": 1.5}


def test_the_manifest_says_nothing_that_it_was_not_told(tmp_path):
    """No path, user, host or process comes in on its own: only the outputs' relative names and hashes are added."""
    text = (make(tmp_path, device="cpu").folder / MANIFEST).read_text(encoding="utf-8")
    manifest = json.loads(text)
    outputs = manifest["made_from"].pop("outputs")
    assert manifest == {"made_from": TEACHER, "made_with": {"device": "cpu"}}
    assert outputs.keys() == {"log.jsonl", "model/weights"}
    assert all(len(sha256) == 64 for sha256 in outputs.values())
    assert str(tmp_path) not in text


def test_what_the_block_records_is_in_the_manifest(tmp_path):
    made_with = {"device": "cpu"}
    with making(tmp_path, "teacher", TEACHER, made_with):
        made_with["seconds"] = 2.0
    assert find(tmp_path, "teacher").made_with == {"device": "cpu", "seconds": 2.0}


def test_files_are_flushed_then_the_manifest_is_written_then_the_folder_gets_its_name(tmp_path, monkeypatch):
    events = []
    write_json, flush = sealing.write_json, sealing.flush

    def recording_write(path, value):
        write_json(path, value)
        events.append(("written", path.name))
        if path.name == MANIFEST:
            assert all(file_sha256(path.parent / f) == sha for f, sha in value["made_from"]["outputs"].items())
            assert names(tmp_path) == ["teacher.partial"]

    def recording_flush(path):
        flush(path)
        events.append(("flushed", path.name))
        assert (tmp_path / "teacher").exists() == (path == tmp_path)

    monkeypatch.setattr(sealing, "write_json", recording_write)
    monkeypatch.setattr(sealing, "flush", recording_flush)
    make(tmp_path)
    assert events[0] == ("written", HOLDER)
    assert set(events[1:4]) == {("flushed", name) for name in ("log.jsonl", "weights", "model")}
    assert events[4:6] == [("written", MANIFEST), ("flushed", "teacher.partial")]
    assert events[-1] == ("flushed", tmp_path.name)


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_work_and_no_stage(tmp_path, interruption):
    with pytest.raises(interruption), making(tmp_path, "teacher", TEACHER, {}) as partial:
        (partial / "checkpoint").write_text("1")
        raise interruption
    assert names(tmp_path) == ["teacher.partial"]
    assert (tmp_path / "teacher.partial" / "checkpoint").read_text() == "1"
    assert find(tmp_path, "teacher") is None


def test_the_hash_pins_the_whole_ancestry(tmp_path):
    def generation(folder, words):
        data = make(folder, "data", DATA, {"train.jsonl": words})
        return [data, make(folder, "teacher", {**TEACHER, "inputs": {"data": data.as_input()}})]

    first, second, same = (
        generation(tmp_path / name, words) for name, words in [("a", "rome"), ("b", "Rome"), ("c", "rome")]
    )
    assert first[0].as_input() == {"folder": "data", "sha256": first[0].sha256}
    assert [s.sha256 for s in first] == [s.sha256 for s in same]
    assert all(a.sha256 != b.sha256 for a, b in zip(first, second, strict=True))
    assert first[1].made_from["outputs"] == second[1].made_from["outputs"]


def test_the_hash_does_not_see_what_it_was_made_with(tmp_path):
    assert make(tmp_path / "a", seconds=1).sha256 == make(tmp_path / "b", seconds=2, device="cuda").sha256


# --- running again ----------------------------------------------------------------------------------------------------


def test_up_to_date(tmp_path):
    assert up_to_date(tmp_path, "teacher", TEACHER) is None
    stage = make(tmp_path)
    assert up_to_date(tmp_path, "teacher", TEACHER) == stage
    assert up_to_date(tmp_path, "teacher", dict(reversed(TEACHER.items()))) == stage
    assert up_to_date(tmp_path, "teacher", TEACHER, force=True) is None


def test_python_values_are_compared_as_json(tmp_path):
    made_from = {**TEACHER, "config": {"layers": (0, 2)}}
    make(tmp_path, made_from=made_from)
    assert up_to_date(tmp_path, "teacher", made_from) is not None
    assert up_to_date(tmp_path, "teacher", {**TEACHER, "config": {"layers": [0, 2]}}) is not None


def test_a_different_stage_names_the_first_difference_and_the_ways_out(tmp_path):
    make(tmp_path)
    changed = {**TEACHER, "seed": 1, "config": {"q": 0.7, "epochs": 3}}
    assert complaint(up_to_date, tmp_path, "teacher", changed) == (
        f"{tmp_path / 'teacher'} was made with config.q = 0.5, this command has 0.7; make it again with --force, or "
        "keep both with another --name than teacher, or start another run with --run"
    )
    assert up_to_date(tmp_path, "teacher", changed, force=True) is None


def test_data_cannot_be_kept_under_another_name(tmp_path):
    make(tmp_path, "data", DATA)
    assert complaint(up_to_date, tmp_path, "data", {**DATA, "config": {"limit": "all", "noise": {}}}) == (
        f'{tmp_path / "data"} was made with config.limit = null, this command has "all"; make it again with --force, '
        "or start another run with --run"
    )


def test_a_parent_that_was_made_again_is_a_difference(tmp_path):
    data = make(tmp_path, "data", DATA, {"train.jsonl": "rome"})
    make(tmp_path, made_from={**TEACHER, "inputs": {"data": data.as_input()}})
    again = make(tmp_path, "data", DATA, {"train.jsonl": "Rome"})
    message = complaint(up_to_date, tmp_path, "teacher", {**TEACHER, "inputs": {"data": again.as_input()}})
    assert f'was made with inputs.data.sha256 = "{data.sha256}", this command has "{again.sha256}"' in message


@pytest.mark.parametrize(
    ("before", "now", "difference"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"b": 1, "a": {"y": 1, "x": [1]}}, {"b": 2, "a": {"y": 2, "x": [2]}}, ("a.x", "[1]", "[2]")),
        ({"a": {"x": 1}}, {"a": "x"}, ("a", '{"x": 1}', '"x"')),
        ({}, {"new": 0.0}, ("new", "null", "0.0")),
        ({"old": True}, {}, ("old", "true", "null")),
    ],
)
def test_first_difference(before, now, difference):
    assert first_difference(before, now) == difference


def test_force_keeps_the_old_stage_in_sight_until_the_new_one_is_whole(tmp_path, monkeypatch):
    old = make(tmp_path, files={"log.jsonl": "old"})
    write_json = sealing.write_json

    def looking(path, value):
        write_json(path, value)
        assert find(tmp_path, "teacher") == old
        assert old.path("log.jsonl").read_text() == "old"

    monkeypatch.setattr(sealing, "write_json", looking)
    new = make(tmp_path, files={"log.jsonl": "new"})
    assert new.path("log.jsonl").read_text() == "new"
    assert new.sha256 != old.sha256
    assert names(tmp_path) == ["teacher"]


def test_a_replacement_that_fails_leaves_the_old_stage(tmp_path):
    old = make(tmp_path)
    with pytest.raises(RuntimeError), making(tmp_path, "teacher", TEACHER, {}, force=True):
        raise RuntimeError
    assert find(tmp_path, "teacher") == old
    assert old.path("log.jsonl").is_file()


@pytest.mark.parametrize("command", ["the same", "another"])
def test_death_between_the_two_renames_is_mended_by_the_next_command(tmp_path, monkeypatch, command):
    make(tmp_path, files={"log.jsonl": "old"})
    replace = Path.replace

    def dying(self, target):
        if self.suffix == ".partial":
            raise OSError("died")
        return replace(self, target)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="died"):
        patch.setattr(Path, "replace", dying)
        make(tmp_path, files={"log.jsonl": "new"})
    assert names(tmp_path) == ["teacher.partial", "teacher.replaced"]
    assert (find(tmp_path, "teacher"), stages(tmp_path)) == (None, [])
    if command == "the same":
        assert up_to_date(tmp_path, "teacher", TEACHER, force=True).path("log.jsonl").read_text() == "new"
    else:
        assert up_to_date(tmp_path, "teacher", {**TEACHER, "seed": 1}) is None
        assert make(tmp_path, files={"log.jsonl": "newer"}).path("log.jsonl").read_text() == "newer"
    assert names(tmp_path) == ["teacher"]


def test_what_a_death_after_the_renames_left_is_no_obstacle(tmp_path):
    old = make(tmp_path)
    (tmp_path / "teacher.replaced").mkdir()
    (tmp_path / "teacher.replaced" / MANIFEST).write_bytes((old.folder / MANIFEST).read_bytes())
    make(tmp_path, files={"log.jsonl": "new"})
    assert names(tmp_path) == ["teacher"]


# --- resuming and locking ---------------------------------------------------------------------------------------------

HOLD = """
import json, sys
from pathlib import Path
from pipeline.run import making
with making(Path(sys.argv[1]), "teacher", json.loads(sys.argv[2]), {}) as partial:
    (partial / "checkpoints").mkdir()
    (partial / "checkpoints" / "7").write_text("step 7")
    print("holding", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder, made_from=TEACHER):
    """A process that makes the teacher until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), json.dumps(made_from)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(pipeline.__path__[0]).parent)},
    )
    with process:  # closes its pipes and waits for it
        try:
            assert process.stdout.readline() == "holding\n"
            yield process
        finally:
            process.kill()


def test_a_living_process_keeps_others_out(tmp_path):
    with another_process(tmp_path) as other:
        assert complaint(make, tmp_path) == (
            f"{tmp_path / 'teacher.partial'}: process {other.pid} is making this stage; wait for it, or stop it and "
            "run this command again"
        )
        assert (tmp_path / "teacher.partial" / "checkpoints" / "7").read_text() == "step 7"
        make(tmp_path, "control")  # another stage is free
        other.stdin.close()
        assert other.wait(10) == 0
    assert names(find(tmp_path, "teacher").folder) == [MANIFEST]


def test_a_killed_process_leaves_its_work_to_the_next(tmp_path):
    with another_process(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        assert other.wait(10) == -signal.SIGKILL
    with making(tmp_path, "teacher", TEACHER, {}) as partial:
        assert (partial / "checkpoints" / "7").read_text() == "step 7"
        holder = json.loads((partial / HOLDER).read_text(encoding="utf-8"))
        assert holder == {"process": os.getpid(), "made_from": TEACHER, "made_by": {"versions": None, "code": None}}
    assert find(tmp_path, "teacher").made_from["outputs"] == {}


def leave_work(folder, made_from=TEACHER, **made_with):
    with pytest.raises(InterruptedError), making(folder, "teacher", made_from, made_with, force=True) as partial:
        (partial / "checkpoints").mkdir()
        (partial / "checkpoints" / "7").write_text("step 7")
        (partial / "log").write_text("log")
        raise InterruptedError


def test_work_made_from_something_else_is_removed(tmp_path):
    leave_work(tmp_path, {**TEACHER, "seed": 1})
    with making(tmp_path, "teacher", TEACHER, {}) as partial:
        assert names(partial) == [HOLDER]
    assert find(tmp_path, "teacher").made_from["outputs"] == {}


@pytest.mark.parametrize("holder", [b"", b"{", b"null", b"[]", b"7", b"\xff"])
def test_work_of_unknown_origin_is_removed(tmp_path, holder):
    leave_work(tmp_path)
    (tmp_path / "teacher.partial" / HOLDER).write_bytes(holder)
    with making(tmp_path, "teacher", TEACHER, {}) as partial:
        assert names(partial) == [HOLDER]


def test_of_a_dead_process_checkpoints_alone_are_kept_and_are_no_output(tmp_path):
    leave_work(tmp_path)
    partial = tmp_path / "teacher.partial"
    for file in (".report.json.123.tmp", "old-name.json", MANIFEST):
        (partial / file).write_text("{")
    with making(tmp_path, "teacher", TEACHER, {}):
        assert names(partial) == ["checkpoints", HOLDER]
        (partial / "model").mkdir()
        (partial / "model" / "weights").write_text("w")
    assert names(tmp_path / "teacher") == ["model", MANIFEST]
    assert list(find(tmp_path, "teacher").made_from["outputs"]) == ["model/weights"]


def test_checkpoints_of_other_code_are_neither_used_nor_removed(tmp_path):
    leave_work(tmp_path, code="abc", versions={"torch": "2.13"})
    partial = tmp_path / "teacher.partial"
    message = complaint(make, tmp_path, code="abc", versions={"torch": "2.14"})
    assert message == (
        f"{partial / 'checkpoints'}: expected checkpoints of this code, found those of another (versions.torch was "
        f'"2.13", is "2.14"); go on with that code, or remove {partial} to begin the stage anew'
    )
    assert 'code was "abc", is "abd"' in complaint(make, tmp_path, code="abd", versions={"torch": "2.13"})
    with making(tmp_path, "teacher", TEACHER, {"code": "abc", "versions": {"torch": "2.13"}}):
        assert (partial / "checkpoints" / "7").read_text() == "step 7"


def test_without_checkpoints_other_code_begins_anew(tmp_path):
    leave_work(tmp_path, code="abc")
    (tmp_path / "teacher.partial" / "checkpoints" / "7").unlink()
    assert make(tmp_path, code="abd").made_with["code"] == "abd"


DEATHS = ["flush", "write_json", "rmtree", "unlink", "replace"]


@pytest.mark.parametrize("nth", range(1, 9))
@pytest.mark.parametrize("function", DEATHS)
def test_death_anywhere_in_sealing_loses_nothing(tmp_path, monkeypatch, function, nth):
    """Either the checkpoints are there to go on from, or the stage is, whatever call was the last."""
    calls = 0

    def dying(original):
        def call(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls >= nth:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        return call

    partial = tmp_path / "teacher.partial"
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt), making(tmp_path, "teacher", TEACHER, {}):
        (partial / "checkpoints").mkdir()
        (partial / "checkpoints" / "7").write_text("step 7")
        (partial / "log.jsonl").write_text("log")
        owner = {"rmtree": sealing.shutil, "unlink": Path, "replace": Path}.get(function, sealing)
        patch.setattr(owner, function, dying(getattr(owner, function)))
    if function == "rmtree" and nth == 1:
        (partial / "checkpoints" / "7").unlink()  # it may have been half removed
    if up_to_date(tmp_path, "teacher", TEACHER) is None:
        with making(tmp_path, "teacher", TEACHER, {}):
            assert (partial / "checkpoints" / "7").read_text() == "step 7"
            (partial / "log.jsonl").write_text("log")
    assert names(tmp_path) == ["teacher"]
    assert names(tmp_path / "teacher") == ["log.jsonl", MANIFEST]
    assert find(tmp_path, "teacher").path("log.jsonl").read_text() == "log"


def test_what_is_completed_but_torn_is_made_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sealing, "give_name", dying_now)
        make(tmp_path)
    (tmp_path / "teacher.partial" / "log.jsonl").write_text("{")
    assert up_to_date(tmp_path, "teacher", TEACHER) is None
    assert make(tmp_path).path("log.jsonl").read_text() == "{}\n"


def dying_now(*args):
    raise KeyboardInterrupt


def test_a_stage_that_another_process_sealed_meanwhile_is_not_made_a_second_time(tmp_path):
    """Between asking whether it is up to date and taking the lock."""
    assert up_to_date(tmp_path, "teacher", TEACHER) is None
    stage = make(tmp_path)
    meanwhile = "another process has sealed this stage meanwhile; run this command again"
    with pytest.raises(PipelineError, match=meanwhile), making(tmp_path, "teacher", TEACHER, {}):
        raise AssertionError("made twice")
    assert names(tmp_path) == ["teacher"]
    assert up_to_date(tmp_path, "teacher", TEACHER) == stage


RACE = """
import json, sys, time
from pathlib import Path
from pipeline.errors import PipelineError
from pipeline.run import making, up_to_date
folder, made_from, begin = Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3])
time.sleep(max(0, begin - time.time()))
try:
    if up_to_date(folder, "teacher", made_from):
        print("up to date")
    else:
        with making(folder, "teacher", made_from, {}) as partial:
            (partial / "log.jsonl").write_text("log")
        print("made")
except PipelineError as error:
    print(error)
"""


def test_of_ten_processes_one_makes_the_stage(tmp_path):
    for round_ in range(3):
        folder = tmp_path / str(round_)
        folder.mkdir()
        begin = str(time.time() + 3)
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACE, str(folder), json.dumps(TEACHER), begin],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(pipeline.__path__[0]).parent)},
            )
            for _ in range(10)
        ]
        said = [racer.communicate(timeout=60)[0].strip() for racer in racers]
        assert said.count("made") == 1, said
        assert all("is making this stage" in s or "meanwhile" in s for s in said if s not in ("made", "up to date"))
        assert names(folder) == ["teacher"]
        assert find(folder, "teacher").path("log.jsonl").read_text() == "log"


def test_a_lock_on_a_folder_that_was_renamed_meanwhile_is_not_taken(tmp_path, monkeypatch):
    """The holder seals between our open and our lock: we must end up with a `.partial` of our own."""
    partial = tmp_path / "teacher.partial"
    partial.mkdir()
    flock, calls = fcntl.flock, []

    def late(descriptor, operation):
        if not calls:
            partial.rename(tmp_path / "teacher")
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    make(tmp_path)
    assert len(calls) == 2
    assert names(tmp_path) == ["teacher"]
    assert find(tmp_path, "teacher").made_from["outputs"]


def test_a_folder_that_is_renamed_before_it_is_opened_is_made_again(tmp_path, monkeypatch):
    opening, calls = os.open, []

    def late(path, flags, *args, **kwargs):
        if path == tmp_path / "teacher.partial":
            calls.append(path)
            if len(calls) == 1:
                path.rename(tmp_path / "teacher")
        return opening(path, flags, *args, **kwargs)

    monkeypatch.setattr(sealing.os, "open", late)
    make(tmp_path)
    assert len(calls) >= 2
    assert names(tmp_path) == ["teacher"]


def test_the_lock_is_free_after_sealing_and_after_an_exception(tmp_path):
    make(tmp_path)
    leave_work(tmp_path)
    make(tmp_path)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_path_of_a_file_and_of_a_folder(tmp_path):
    stage = make(tmp_path, files={"log.jsonl": "{}", "model/weights": "w", "model/deep/config": "c"})
    assert stage.path("log.jsonl") == tmp_path / "teacher" / "log.jsonl"
    assert stage.path("model") == tmp_path / "teacher" / "model"
    assert stage.path("model/deep/config").read_text() == "c"


@pytest.mark.parametrize("asked", ["model", "model/weights"])
@pytest.mark.parametrize("tamper", [lambda path: path.write_text("W"), lambda path: path.unlink()])
def test_tampering_is_noticed(tmp_path, asked, tamper):
    stage = make(tmp_path, files={"log.jsonl": "{}", "model/weights": "w", "model/a": "a"})
    tamper(stage.folder / "model" / "weights")
    assert complaint(stage.path, asked) == (
        f"{stage.folder / 'model' / 'weights'}: missing, or changed since `pipeline teach` sealed it; make it again "
        f"with `pipeline teach --run {tmp_path} --name teacher --force`"
    )
    assert stage.path("log.jsonl").is_file()


@pytest.mark.parametrize("asked", ["mod", "extra", "nothing", MANIFEST])
def test_only_outputs_can_be_asked_for(tmp_path, asked):
    stage = make(tmp_path)
    (stage.folder / "extra").write_text("not ours")
    assert complaint(stage.path, asked).startswith(f"{stage.folder / asked}: missing, or changed")


def test_the_command_that_makes_a_stage_again(tmp_path):
    folder = tmp_path / "my runs"
    assert remake_command(make(folder, "data", DATA)) == f"pipeline prepare --run '{folder}' --force"
    command = shlex.split(remake_command(make(folder, "student-reverse", {**TEACHER, "kind": "distill"})))
    assert command == ["pipeline", "distill", "--run", str(folder), "--name", "student-reverse", "--force"]
    audit, corrected = (make(folder, name, {**DATA, "kind": name}) for name in ("audit", "correct"))
    assert remake_command(audit) == f"pipeline audit --run '{folder}' --force"
    assert remake_command(corrected) == f"pipeline audit --apply --run '{folder}' --force"


BROKEN = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"7",
    b"null",
    b"{}",
    b'{"made_from": {}, "made_with": {}}',
    b'{"made_from": null, "made_with": {}}',
    json.dumps({"made_from": {**TEACHER, "outputs": {}}}).encode(),
    json.dumps({"made_from": {**TEACHER, "outputs": {}}, "made_with": None}).encode(),
    json.dumps({"made_from": TEACHER, "made_with": {}}).encode(),
]


@pytest.mark.parametrize("manifest", BROKEN)
def test_a_broken_manifest(tmp_path, manifest):
    make(tmp_path)
    (tmp_path / "teacher" / MANIFEST).write_bytes(manifest)
    for read in (lambda: find(tmp_path, "teacher"), lambda: stages(tmp_path)):
        message = complaint(read)
        assert message.startswith(f"{tmp_path / 'teacher' / MANIFEST}: expected the manifest of a sealed stage, found ")
        assert message.endswith(f"; remove {tmp_path / 'teacher'} and make the stage again")


def test_a_folder_without_a_manifest_or_a_file_is_no_stage(tmp_path):
    (tmp_path / "teacher").mkdir()
    assert "found FileNotFoundError" in complaint(find, tmp_path, "teacher")
    (tmp_path / "data").write_text("")
    assert "found NotADirectoryError" in complaint(find, tmp_path, "data")
    assert stages(tmp_path) == []


def test_force_replaces_a_broken_stage(tmp_path):
    (tmp_path / "teacher").mkdir()
    assert up_to_date(tmp_path, "teacher", TEACHER, force=True) is None
    assert make(tmp_path).kind == "teach"


def test_stages_come_in_the_order_in_which_they_were_sealed(tmp_path):
    make(tmp_path, "a", finished="2026-01-03")
    make(tmp_path, "c", finished="2026-01-01")
    make(tmp_path, "b", finished="2026-01-01")
    make(tmp_path, "z")
    assert [stage.name for stage in stages(tmp_path)] == ["z", "b", "c", "a"]
    assert stages(tmp_path / "missing") == []


def test_work_and_replaced_stages_are_no_stages(tmp_path):
    make(tmp_path)
    for suffix in ("partial", "replaced"):
        (tmp_path / f"teacher.{suffix}").mkdir()
        (tmp_path / f"teacher.{suffix}" / MANIFEST).write_bytes((tmp_path / "teacher" / MANIFEST).read_bytes())
    (tmp_path / "figures").mkdir()
    (tmp_path / "metrics.json").write_text("[]")
    assert [stage.name for stage in stages(tmp_path)] == ["teacher"]


def test_a_run_can_be_moved(tmp_path):
    stage = make(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = find(tmp_path / "there", "teacher")
    assert moved.sha256 == stage.sha256
    assert moved.path("model/weights").read_text() == "w"
    assert up_to_date(tmp_path / "there", "teacher", TEACHER) == moved
