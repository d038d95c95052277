"""What training saw of each word: the probability of its tag, and how hard the loss pulled, at every epoch.

The file is written by training, which never reads gold; evaluation, which does, tells clean words from wrong ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import tensor_file
from pipeline.corpus import Corpus
from pipeline.errors import PipelineError

METADATA = "training_record"
FILE = "training/record.safetensors"  # within a teacher's folder
TENSORS = ("tag_probabilities", "gradient_weights")


@dataclass(frozen=True)
class TrainingRecord:
    """Two numbers per word and epoch, taken in the step that trained on the word, before its update.

    Args:
        words_sha256: hash of the words and sentence boundaries that the columns belong to (`Corpus.words_sha256`).
        tag_probabilities: the probability that the model gave to the word's tag, shape (epochs, n_words), float16 in
            [0, 1]; NaN where the word was not seen.
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
        """Write a safetensors file: both tensors, and their identity."""
        tensors = {name: getattr(self, name) for name in TENSORS}
        tensor_file.save(path, tensors, METADATA, {"words_sha256": self.words_sha256})

    @classmethod
    def load(cls, path: Path) -> TrainingRecord:
        """Read what `save` wrote.

        Raises:
            PipelineError: the file is missing, or is no such file.
        """
        expected = f"a training record (safetensors with {' and '.join(TENSORS)})"
        with tensor_file.opened(path, METADATA, expected) as (identity, file):
            tensors = [file.get_tensor(name) for name in TENSORS]
            shapes = {tensor.shape for tensor in tensors}
            if len(shapes) != 1 or tensors[0].ndim != 2:
                raise ValueError(f"tensors of shape {' and '.join(map(str, sorted(shapes)))}")
            return cls(identity["words_sha256"], *tensors)

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
