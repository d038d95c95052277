"""What a machine runs out of, and what it does not allow, told in one line."""

from __future__ import annotations

import errno
import os
import re

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
KEPT = "finished stages and the last checkpoint are kept"


def explain(error: BaseException) -> str | None:
    """One line for what is wrong with the machine rather than with the program; None for anything else.

    Libraries say it in words of their own: Rust's have the number in the text, torch writes files without one.

    >>> explain(OSError(errno.ENOSPC, "No space left on device"))[:28]
    'no room is left on the disk;'
    """
    text = str(error).partition("\n")[0]
    number, name = _number(error, text), getattr(error, "filename", None)
    of = f" for {name}" if name else ""
    if isinstance(error, MemoryError) or number == errno.ENOMEM or _is_torch_memory(error, text):
        return (
            f"memory is used up ({text or type(error).__name__}); a smaller batch_size with as much more "
            f"gradient_accumulation trains the same, and --limit takes fewer sentences; {KEPT}"
        )
    if number in FULL:
        return f"no room is left on the disk{of}; make some and run the same command again, {KEPT}"
    if number in REFUSED:
        return f"{name or text}: not writable ({os.strerror(number)}); choose another folder with --run"
    if "inline_container.cc" in text or "PytorchStreamWriter" in text:
        return f"a checkpoint cannot be written, the disk is full or not writable; {KEPT}"
    if isinstance(error, OSError) and number not in (None, errno.EPIPE) and name:
        return f"{name}: {error.strerror}"
    return None


def _number(error: BaseException, text: str) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", text)
    return int(found[1]) if found else None


def _is_torch_memory(error: BaseException, text: str) -> bool:
    return type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in text
