"""A safetensors file with an identity: tensors, and one metadata key that says what they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.errors import PipelineError
from pipeline.files import replacing


def save(path: Path, tensors: Mapping[str, np.ndarray], key: str, identity: Mapping[str, Any]) -> None:
    """Write tensors and one metadata key (two would make the bytes vary); it is the old file or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(contiguous, temporary, metadata={key: json.dumps(identity)})


@contextmanager
def opened(path: Path, key: str, expected: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """What `save` wrote: its identity, and the open file to take tensors from.

    Args:
        path: the file.
        key: the metadata key of the identity.
        expected: what to call such a file in the error.

    Raises:
        PipelineError: the file is missing, or the block finds that it is no such file (a missing tensor or key, a wrong
            shape told by a ValueError).
    """
    try:
        with safe_open(path, framework="numpy") as file:
            yield json.loads((file.metadata() or {})[key]), file
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{path}: expected {expected}, found {error}; make the stage again with --force") from error
