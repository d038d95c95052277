"""Small files written whole, canonical JSON, and hashes of contents."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is either the old or the new one, never half of it."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that the file is either the old or the new one, never half of it."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, in the same folder; what stands there at the end takes the place of the file.

    Where the block fails, the old file stays and nothing else is left behind; what a killed process left goes, too.
    """
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        if not _lives(int(left.suffixes[-2][1:])):
            left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait for a folder's advisory lock and hold it: of two processes that read, change and write, neither loses."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_sha256(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


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


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of some files of a folder, by their paths within it."""
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in files}


def has_hashes(folder: Path, sha256: Mapping[str, str]) -> bool:
    """Whether the files of a folder have the hashes that `hashes` gave.

    Raises:
        OSError: one cannot be read.
    """
    return all(file_sha256(folder / file) == expected for file, expected in sha256.items())


def flush(path: Path) -> None:
    """Wait until a file or folder has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
