"""What a machine runs out of, and what it does not allow: one line, exit status 1, and nothing lost."""

import errno
import json
import os
import subprocess
from contextlib import contextmanager

import pytest

from pipeline.run import find, stages
from pipeline.troubles import explain

MB = 2**20
KEPT = "finished stages and the last checkpoint are kept"
CHANGES = [
    'stages={teacher={command="teach"}, student-reverse={command="distill", kl="reverse"}}',
    "teach.batch_size=8",
    "teach.checkpoint_minutes=0.0001",
]
RUN = ["run", "smoke", *(part for change in CHANGES for part in ("--set", change))]


@pytest.fixture(scope="module")
def evaluated(shell, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    shell.run(*RUN, "--run", folder)
    return folder


def only_line(output):
    """The one line of a command that failed, after what it had said before."""
    assert "Traceback" not in output, output
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert errors == output.splitlines()[-1:], output
    return errors[0]


@contextmanager
def mounted(folder, *options):
    """A file system of a kind at a folder, where this is allowed."""
    folder.mkdir(exist_ok=True)
    if subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def intact(run):
    """The stages that are sealed, with every file as it was."""
    found = stages(run)
    for stage in found:
        for file in stage.made_from["outputs"]:
            stage.path(file)
    return [stage.name for stage in found]


# --- a full disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "sealed", "expected"),
    [
        (10_000, [], "error: no room is left on the disk"),  # the corpus
        pytest.param(130_000, ["data"], "error: no room is left on the disk", marks=pytest.mark.slow),  # weights
        pytest.param(  # a checkpoint's moments of the gradients, which torch writes
            250_000, ["data"], "error: a checkpoint cannot be written, the disk is full", marks=pytest.mark.slow
        ),
    ],
)
def test_a_file_that_finds_no_room(shell, evaluated, tmp_path, size, sealed, expected):
    run = tmp_path / "run"
    line = only_line(shell.run(*RUN, "--run", run, code=1, RLIMIT_FSIZE=size))
    assert line.startswith(expected)
    assert KEPT in line
    assert intact(run) == sealed
    shell.run(*RUN, "--run", run)
    assert [find(run, name).made_from for name in ("teacher", "student-reverse")] == [
        find(evaluated, name).made_from for name in ("teacher", "student-reverse")
    ]


@pytest.mark.slow
def test_a_disk_that_fills_up_in_mid_training(shell, tmp_path):
    """Checkpoints of 0.5 MB fill it; what is sealed and the last whole checkpoint stay, and room lets it go on."""
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=1200k", "none"):
        line = only_line(shell.run(*RUN, "--run", disk / "run", code=1))
        assert "disk" in line
        assert KEPT in line
        assert intact(disk / "run") == ["data"]
        assert list(disk.glob("run/teacher.partial/checkpoints/checkpoint-*/files.json"))
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        shell.run(*RUN, "--run", disk / "run")
        assert intact(disk / "run") == ["data", "teacher", "student-reverse"]


# --- a folder that cannot be written ----------------------------------------------------------------------------------


def test_a_run_folder_that_cannot_be_made(shell, tmp_path):
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "ro", "none"):
        line = only_line(shell.run(*RUN, "--run", disk / "run", code=1))
    assert line == (
        f"error: --run {disk / 'run'}: expected a folder to write to, found: Read-only file system; choose another"
    )


def test_a_file_where_a_stage_is_to_be_made(shell, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "teacher.partial").write_text("not ours")
    line = only_line(shell.run(*RUN, "--run", run, code=1))
    assert line == f"error: {run / 'teacher.partial'}: File exists"
    assert intact(run) == ["data"]
    assert (run / "teacher.partial").read_text() == "not ours"


def test_an_evaluated_run_is_read_where_nothing_can_be_written(shell, evaluated):
    expected = json.loads((evaluated / "metrics.json").read_text(encoding="utf-8"))
    with unwritable(evaluated):
        output = shell.run("eval", "--run", evaluated, "--json")
        assert json.loads(output[output.index("[\n") :].partition("\n]")[0] + "\n]") == expected
        line = only_line(shell.run("eval", "--run", evaluated, "--force", code=1))
        assert "not writable (" in line
    assert intact(evaluated) == ["data", "teacher", "student-reverse"]


@contextmanager
def unwritable(folder):
    """By its modes; root is not held by them, but can mount."""
    if os.geteuid() == 0:
        with mounted(folder, "--bind", str(folder)):
            subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
            yield
        return
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


# --- memory, and numbers that are none --------------------------------------------------------------------------------


def test_memory_that_is_used_up(shell, tmp_path):
    run = tmp_path / "run"
    big = ["--set", "teach.scratch.hidden=4096"]  # 400 MB a layer
    line = only_line(shell.run(*RUN, *big, "--run", run, code=1, RLIMIT_AS=300 * MB))
    assert line.startswith("error: memory is used up (")
    assert "batch_size" in line
    assert KEPT in line
    assert intact(run) == ["data"]
    shell.run("prepare", "--run", run)


def test_a_loss_that_is_no_number(shell, tmp_path):
    run = tmp_path / "run"
    line = only_line(shell.run(*RUN, "--set", "teach.learning_rate=1e30", "--run", run, code=1))
    assert line.startswith("error: the loss on train is nan at step ")
    assert "learning rate" in line
    assert intact(run) == ["data"]
    assert list(run.glob("teacher.partial/checkpoints/checkpoint-*/files.json"))
    output = shell.run("run", "--run", run, "--set", "teach.learning_rate=1e-3")
    assert "data: up to date" in output


# --- the line ---------------------------------------------------------------------------------------------------------


class OutOfMemoryError(RuntimeError):
    """As torch.cuda calls its own."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room is left on the disk; make some"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a/b"), "no room is left on the disk for a/b; make some"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "no room is left"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: not writable (Permission denied); choose"),
        (MemoryError(), "memory is used up (MemoryError); a smaller batch_size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory\nat line 1"), "memory is used up (["),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "memory is used up (CUDA out of"),
        (OSError(errno.EIO, "Input/output error", "a/b"), "a/b: Input/output error"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), None),
        (OSError("can't load the model"), None),
        (RuntimeError("shapes do not match"), None),
    ],
)
def test_what_is_told(error, expected):
    line = explain(error)
    assert (line is None) == (expected is None)
    if line is not None:
        assert line.startswith(expected)
        assert "\n" not in line
