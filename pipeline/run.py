"""A run's folder: sealed stage folders, each with a manifest that pins everything it was made from.

A stage works in `<name>.partial/`. Holding that folder's advisory lock is the right to make the stage; when the work is
done the manifest `stage.json` is written last, files are flushed to disk, and the folder is renamed to `<name>/`. So a
folder with its final name is complete, and a process that dies leaves only a `.partial` that the next one resumes.

`stage.json` holds two records:

- `made_from`: kind, config, seed, inputs ({folder, sha256 of that stage's made_from}, or the sha256 of source files)
  and the sha256 of every output file. Its own hash, `Stage.sha256`, therefore pins the whole ancestry.
- `made_with`: versions, commit, device, seconds. Not hashed. No user, host or absolute path.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files import canonical_json, file_sha256, flush, write_json

MANIFEST = "stage.json"
PINNED = {"kind", "config", "seed", "inputs", "outputs"}
NAMED = ("teach", "distill")  # commands that may make several stages in a run, each under its own name
MADE_BY_FLAG = {"correct": "audit --apply", "geometry": "eval --geometry"}
HOLDER = "holder.json"  # in a .partial: what is being made, and by which process


@dataclass(frozen=True)
class Stage:
    """A sealed stage folder.

    Args:
        folder: its path.
        made_from: the hashed half of its manifest.
        made_with: the other half.
    """

    folder: Path
    made_from: dict[str, Any]
    made_with: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's name, by which other stages call it."""
        return self.folder.name

    @property
    def kind(self) -> str:
        """What it is: prepare, probe, teach, distill, audit, correct or geometry."""
        return str(self.made_from["kind"])

    @property
    def command(self) -> str:
        """What to type to make one of its kind: the kind itself, but for what a flag of another command makes."""
        return MADE_BY_FLAG.get(self.kind, self.kind)

    @property
    def sha256(self) -> str:
        """Hash of `made_from`, outputs included."""
        return hashlib.sha256(canonical_json(self.made_from).encode()).hexdigest()

    def as_input(self) -> dict[str, str]:
        """How a later stage's manifest refers to this one."""
        return {"folder": self.name, "sha256": self.sha256}

    def path(self, relative: str) -> Path:
        """An output file, or a folder of them, after checking contents against the manifest.

        Raises:
            PipelineError: a file is missing or its contents changed since the stage was sealed.
        """
        outputs: Mapping[str, str] = self.made_from["outputs"]
        files = [f for f in outputs if f == relative or f.startswith(relative + "/")]
        for file in files or [relative]:
            path = self.folder / file
            if not path.is_file() or file_sha256(path) != outputs.get(file):
                raise PipelineError(
                    f"{path}: missing, or changed since `pipeline {self.command}` sealed it; make it again with "
                    f"`{remake_command(self)}`"
                )
        return self.folder / relative


def remake_command(stage: Stage) -> str:
    """The command that makes a sealed stage again."""
    name = ["--name", stage.name] if stage.kind in NAMED else []
    return shlex.join(["pipeline", *stage.command.split(), "--run", str(stage.folder.parent), *name, "--force"])


def find(run: Path, name: str) -> Stage | None:
    """The sealed stage of that name, or None.

    Raises:
        PipelineError: the folder is there but its manifest is not readable.
    """
    folder = run / name
    if not folder.exists():
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if missing := PINNED - set(manifest["made_from"]):
            raise KeyError(*sorted(missing))
        return Stage(folder, manifest["made_from"], dict(manifest["made_with"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(
            f"{folder / MANIFEST}: expected the manifest of a sealed stage, found {type(error).__name__}; "
            f"remove {folder} and make the stage again"
        ) from error


def stages(run: Path) -> list[Stage]:
    """Every sealed stage of a run, in the order in which they were sealed."""
    folders = [manifest.parent for manifest in run.glob(f"*/{MANIFEST}") if manifest.parent.suffix == ""]
    found = [stage for folder in folders if (stage := find(run, folder.name))]
    return sorted(found, key=lambda stage: (stage.made_with.get("finished", ""), stage.name))


def up_to_date(run: Path, name: str, made_from: Mapping[str, Any], *, force: bool = False) -> Stage | None:
    """The sealed stage if it was made from exactly this; None if it has to be made.

    Args:
        run: the run's folder.
        name: the stage's name.
        made_from: kind, config, seed and inputs, without outputs.
        force: make it again whatever is there.

    Raises:
        PipelineError: a stage of that name was made from something else.
    """
    sealed = None if force else find(run, name)
    if sealed is None:
        return None
    wanted = json.loads(canonical_json(made_from))
    found = {key: value for key, value in sealed.made_from.items() if key != "outputs"}
    if difference := first_difference(found, wanted):
        key, before, now = difference
        other = f", or keep both with another --name than {name}" if sealed.kind in NAMED else ""
        raise PipelineError(
            f"{sealed.folder} was made with {key} = {before}, this command has {now}; make it again with "
            f"--force{other}, or start another run with --run"
        )
    return sealed


def first_difference(before: Any, now: Any, key: str = "") -> tuple[str, str, str] | None:
    """The first key, in sorted order, at which two trees differ, with both values as JSON.

    >>> first_difference({"config": {"q": 0.5}}, {"config": {"q": 0.6}})
    ('config.q', '0.5', '0.6')
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for part in sorted(before.keys() | now.keys()):
            inner = f"{key}.{part}" if key else part
            if difference := first_difference(before.get(part), now.get(part), inner):
                return difference
        return None
    return None if before == now else (key, json.dumps(before), json.dumps(now))


@contextmanager
def making(run: Path, name: str, made_from: Mapping[str, Any], made_with: dict[str, Any]) -> Iterator[Path]:
    """Make one stage: yields the folder to work in and seals it when the block ends without an exception.

    Work that a dead process left behind is kept if it was made from the same things, else removed.

    Args:
        run: the run's folder.
        name: the stage's name.
        made_from: kind, config, seed and inputs; the outputs' hashes are added at the seal.
        made_with: what is to be recorded beside it; the block may add to it.

    Yields:
        The `.partial` folder.

    Raises:
        PipelineError: another process is making this stage.
    """
    partial = run / f"{name}.partial"
    lock = _lock(partial)
    try:
        _start(partial, made_from)
        yield partial
        _seal(partial, run / name, made_from, made_with)
    finally:
        os.close(lock)


def _lock(partial: Path) -> int:
    """Create the folder if need be and take its advisory lock, which the kernel drops when the process ends."""
    while True:
        partial.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(partial, os.O_RDONLY)
        except FileNotFoundError:  # its holder sealed, that is, renamed it since
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise PipelineError(
                f"{partial}: process {_holder(partial).get('process', '(starting)')} is making this stage; "
                "wait for it, or stop it and run this command again"
            ) from None
        # Its former holder may have renamed the folder between our open and our lock: then lock the new one.
        with suppress(FileNotFoundError):
            if partial.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def _holder(partial: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((partial / HOLDER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _start(partial: Path, made_from: Mapping[str, Any]) -> None:
    if _holder(partial).get("made_from") != json.loads(canonical_json(made_from)):
        for entry in partial.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for half in partial.glob(".*.tmp"):  # a dead process was about to write this file
        half.unlink()
    write_json(partial / HOLDER, {"process": os.getpid(), "made_from": made_from})


def _seal(partial: Path, final: Path, made_from: Mapping[str, Any], made_with: Mapping[str, Any]) -> None:
    holder, manifest = partial / HOLDER, partial / MANIFEST
    files = sorted(path for path in partial.rglob("*") if path.is_file() and path not in (holder, manifest))
    outputs = {path.relative_to(partial).as_posix(): file_sha256(path) for path in files}
    write_json(manifest, {"made_from": {**made_from, "outputs": outputs}, "made_with": made_with})
    for path in [*files, *(p for p in partial.rglob("*") if p.is_dir())]:
        flush(path)
    holder.unlink()  # until here the work could be resumed
    flush(partial)
    replaced = final.with_name(f"{final.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if final.exists():
        final.replace(replaced)
    partial.replace(final)
    flush(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)
