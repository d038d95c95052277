"""A run's folder: sealed stage folders, each with a manifest that pins everything it was made from.

A stage works in `<name>.partial/`. Holding that folder's advisory lock is the right to make the stage; when the work is
done files are flushed to disk, the manifest `stage.json` is written last, and the folder is renamed to `<name>/`. So a
folder with its final name is complete. A process that dies leaves a `.partial`: the next one goes on from the
`checkpoints/` in it, which are no output, or gives it its name if the manifest was there already.

`stage.json` holds two records:

- `made_from`: kind, config, seed, inputs ({folder, sha256 of that stage's made_from}, or the sha256 of source files)
  and the sha256 of every output file. Its own hash, `Stage.sha256`, therefore pins the whole ancestry.
- `made_with`: versions, commit, device, seconds. Not hashed. No user, host or absolute path.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files import canonical_json, file_sha256, first_difference, has_hashes, json_sha256
from pipeline.sealing import MANIFEST, give_name, lock, seal, start

UNREADABLE = (OSError, ValueError, KeyError, TypeError)  # what a manifest that is none raises
PINNED = {"kind", "config", "seed", "inputs", "outputs"}
NAMED = ("teach", "distill")  # commands that may make several stages in a run, each under its own name
MADE_BY_FLAG = {"correct": "audit --apply", "geometry": "eval --geometry"}
MADE_BY = ("versions", "code")  # of `made_with`: what decides whether checkpoints can be gone on from


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
        return json_sha256(self.made_from)

    @property
    def settings(self) -> dict[str, Any]:
        """Kind, config, seed and inputs: all of `made_from` but the outputs, which their own hashes pin."""
        return {key: value for key, value in self.made_from.items() if key != "outputs"}

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
        return _read(folder)
    except UNREADABLE as error:
        raise PipelineError(
            f"{folder / MANIFEST}: expected the manifest of a sealed stage, found {type(error).__name__}; "
            f"remove {folder} and make the stage again"
        ) from error


def _read(folder: Path) -> Stage:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if missing := PINNED - set(manifest["made_from"]):
        raise KeyError(*sorted(missing))
    return Stage(folder, manifest["made_from"], dict(manifest["made_with"]))


def stages(run: Path, find: Callable[[Path, str], Stage | None] = find) -> list[Stage]:
    """Every sealed stage of a run, in the order in which they were sealed.

    Args:
        run: the run's folder.
        find: what reads each of them.
    """
    folders = [manifest.parent for manifest in sorted(run.glob(f"*/{MANIFEST}")) if manifest.parent.suffix == ""]
    found = [stage for folder in folders if (stage := find(run, folder.name))]
    return sorted(found, key=lambda stage: (stage.made_with.get("finished", ""), stage.name))


def up_to_date(run: Path, name: str, made_from: Mapping[str, Any], *, force: bool = False) -> Stage | None:
    """The sealed stage if it was made from exactly this; None if it has to be made.

    One that a dead process had completed but for its name is sealed now, and is what was asked for.

    Args:
        run: the run's folder.
        name: the stage's name.
        made_from: kind, config, seed and inputs, without outputs.
        force: make it again whatever is there.

    Raises:
        PipelineError: a stage of that name was made from something else.
    """
    wanted = json.loads(canonical_json(made_from))
    completed = _name_completed(run, name, wanted)
    sealed = find(run, name) if completed or not force else None
    if sealed is None:
        return None
    if difference := first_difference(sealed.settings, wanted):
        key, before, now = difference
        other = f", or keep both with another --name than {name}" if sealed.kind in NAMED else ""
        raise PipelineError(
            f"{sealed.folder} was made with {key} = {before}, this command has {now}; make it again with "
            f"--force{other}, or start another run with --run"
        )
    return sealed


def _name_completed(run: Path, name: str, made_from: Mapping[str, Any]) -> bool:
    """Finish the seal of a process that died between the manifest and the name; whether there was such a one."""
    partial = run / f"{name}.partial"
    if not (partial / MANIFEST).exists():
        return False
    try:
        held = lock(partial)
    except PipelineError:  # its maker lives
        return False
    try:
        stage = _read(partial)
        if has_hashes(partial, stage.made_from["outputs"]) and stage.settings == made_from:
            give_name(partial, run / name)
            return True
    except UNREADABLE:  # then it is not complete, and `making` removes it
        pass
    finally:
        with suppress(OSError):  # its maker named it before our lock, which made an empty one
            partial.rmdir()
        os.close(held)
    return False


@contextmanager
def making(
    run: Path, name: str, made_from: Mapping[str, Any], made_with: dict[str, Any], *, force: bool = False
) -> Iterator[Path]:
    """Make one stage: yields the folder to work in and seals it when the block ends without an exception.

    Of what a dead process left behind `checkpoints/` is kept if it was made from the same things; all else is removed.

    Args:
        run: the run's folder.
        name: the stage's name.
        made_from: kind, config, seed and inputs; the outputs' hashes are added at the seal.
        made_with: what is to be recorded beside it; the block may add to it.
        force: take the place of a sealed stage.

    Yields:
        The `.partial` folder.

    Raises:
        PipelineError: another process is making this stage, or has made it since `up_to_date` was asked; or the
            checkpoints that are left were written by other code.
    """
    partial = run / f"{name}.partial"
    held = lock(partial)
    try:
        if not force and (run / name).exists():
            with suppress(OSError):
                partial.rmdir()
            raise PipelineError(
                f"{run / name}: another process has sealed this stage meanwhile; run this command again"
            )
        start(partial, made_from, {key: made_with.get(key) for key in MADE_BY})
        yield partial
        seal(partial, run / name, made_from, made_with)
    finally:
        os.close(held)
