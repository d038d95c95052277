"""The folder in which a stage is made: who may, what is kept of a process that died, and how it gets its name."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files import canonical_json, first_difference, flush, hashes, write_json

MANIFEST = "stage.json"
HOLDER = "holder.json"  # in a .partial: what is being made, by which code and process
CHECKPOINTS = "checkpoints"  # in a .partial: what a later process may go on from; gone when the stage is sealed


def lock(partial: Path) -> int:
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


def is_held(partial: Path) -> bool:
    """Whether a living process is making the stage: it holds the folder's lock."""
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(partial: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((partial / HOLDER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def start(partial: Path, made_from: Mapping[str, Any], made_by: Mapping[str, Any]) -> None:
    """Keep the checkpoints of a dead process that was making the same; remove everything else it left."""
    left, checkpoints = _holder(partial), partial / CHECKPOINTS
    same = left.get("made_from") == json.loads(canonical_json(made_from))
    difference = first_difference(left.get("made_by"), json.loads(canonical_json(made_by)))
    if same and difference and any(path.is_file() for path in checkpoints.rglob("*")):
        # Hours of work: not removed unasked, nor gone on from by code that may make something else of them.
        key, before, now = difference
        raise PipelineError(
            f"{checkpoints}: expected checkpoints of this code, found those of another ({key} was {before}, is {now}); "
            f"go on with that code, or remove {partial} to begin the stage anew"
        )
    for entry in partial.iterdir():
        if same and entry.name in (CHECKPOINTS, HOLDER):
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    write_json(partial / HOLDER, {"process": os.getpid(), "made_from": made_from, "made_by": made_by})


def seal(partial: Path, final: Path, made_from: Mapping[str, Any], made_with: Mapping[str, Any]) -> None:
    """Flush every output, write the manifest, and give the folder its final name, in this order."""
    inner = [path for path in partial.rglob("*") if path.relative_to(partial).parts[0] not in (CHECKPOINTS, HOLDER)]
    files = sorted(path for path in inner if path.is_file())
    for path in [*files, *(path for path in inner if path.is_dir())]:
        flush(path)
    pinned = {**made_from, "outputs": hashes(partial, files)}
    write_json(partial / MANIFEST, {"made_from": pinned, "made_with": made_with})
    flush(partial)
    give_name(partial, final)


def give_name(partial: Path, final: Path) -> None:
    """The last of sealing: a folder with a manifest is complete, so if this process dies the next one does this."""
    shutil.rmtree(partial / CHECKPOINTS, ignore_errors=True)
    (partial / HOLDER).unlink(missing_ok=True)
    flush(partial)
    replaced = final.with_name(f"{final.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if final.exists():
        final.replace(replaced)
    partial.replace(final)
    flush(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)
