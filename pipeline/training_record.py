"""What training saw of each word: the probability of its tag, and how hard the loss pulled, at every epoch.

The file is written by training, which never reads gold; evaluation, which does, tells clean words from wrong ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.corpus import Corpus
from pipeline.errors import PipelineError
from pipeline.files import flush

METADATA = "training_record"
FILE = "training/record.safetensors"  # within a teacher's folder
TENSORS = ("tag_probabilities", "gradient_weights")


@dataclass(frozen=True)
class TrainingRecord:
    """Two numbers per word and epoch, taken in the step that trained on the word, before its update.

    Args:
        words_sha256: hash of the words and sentence boundaries that the columns belong to (`Corpus.words_sha256`).
        tag_probabilities: the probability that the model gave to the word's tag, shape (epochs, n_words), float16 in
            [0, 1]; NaN where the word was not seen, or the record of the epoch is gone.
        gradient_weights: half the sum over labels of the absolute gradient of the word's loss with respect to its
            logits, likewise. For GCE(q) it is p_tag^q * (1 - p_tag); see `pipeline.gradient_weights`.
    """

    words_sha256: str
    tag_probabilities: np.ndarray
    gradient_weights: np.ndarray

    @classmethod
    def unseen(cls, corpus: Corpus, epochs: int) -> TrainingRecord:
        """The record of a training that has not begun."""
        shape = (epochs, len(corpus.tags))
        return cls(corpus.words_sha256, *(np.full(shape, np.nan, dtype=np.float16) for _ in TENSORS))

    def save(self, path: Path) -> None:
        """Write a safetensors file: both tensors and one metadata key; it is the old file or the new, never half."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        identity = json.dumps({"words_sha256": self.words_sha256})
        save_file({name: getattr(self, name) for name in TENSORS}, temporary, metadata={METADATA: identity})
        flush(temporary)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> TrainingRecord:
        """Read what `save` wrote.

        Raises:
            PipelineError: the file is missing, or is no such file.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                identity = json.loads((file.metadata() or {})[METADATA])
                tensors = [file.get_tensor(name) for name in TENSORS]
                shapes = {tensor.shape for tensor in tensors}
                if len(shapes) != 1 or tensors[0].ndim != 2:
                    raise ValueError(f"tensors of shape {' and '.join(map(str, sorted(shapes)))}")
                return cls(identity["words_sha256"], *tensors)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise PipelineError(
                f"{path}: expected a training record (safetensors with {' and '.join(TENSORS)}), found {error}; "
                "make the stage again with --force"
            ) from error

    def check(self, corpus: Corpus, name: str) -> TrainingRecord:
        """Make sure that column i belongs to word i of a corpus.

        Args:
            corpus: the training split.
            name: what to call this record in the error.

        Returns:
            This record.

        Raises:
            PipelineError: other words or sentence boundaries.
        """
        n_words = self.tag_probabilities.shape[1]
        if self.words_sha256 != corpus.words_sha256 or n_words != len(corpus.tags):
            raise PipelineError(
                f"{name}: a record of {n_words} words {self.words_sha256[:12]}, but the corpus has "
                f"{len(corpus.tags)} words {corpus.words_sha256[:12]}; make the stage again from this corpus"
            )
        return self
