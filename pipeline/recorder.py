"""Notes what the loss does to each word while a model is trained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.checkpoints import checkpoint
from pipeline.corpus import Corpus
from pipeline.training_record import TrainingRecord

IN_CHECKPOINTS = "training_record.safetensors"


class Recorder(TrainerCallback):
    """Fills a `TrainingRecord` as training goes on, from numbers that the step has computed anyway.

    Per step it costs a backward pass through the loss alone, not through the model, and nothing waits for a GPU before
    the end of the epoch. Nor does it change what is trained: weights and random numbers are left as they are.

    Every checkpoint holds the record up to its step, the part of an epoch too, and training goes on from there.

    Args:
        corpus: the training split; its tags are read, its gold is not.
        epochs: how many there will be.
    """

    def __init__(self, corpus: Corpus, epochs: int) -> None:
        self.record = TrainingRecord.unseen(corpus, epochs)
        self._tags = torch.from_numpy(corpus.tags)
        self._epoch = self._blank(torch.device("cpu"))

    def add(self, rows: torch.Tensor, logits: torch.Tensor, loss: torch.Tensor) -> None:
        """Note the words of a batch.

        Args:
            rows: which words of the split they are, shape (n,), int64, on the device of the logits.
            logits: their logits as the loss read them, shape (n, K), float32, still in the graph.
            loss: the sum of their losses, a scalar.
        """
        if self._epoch.device != logits.device:
            self._tags, self._epoch = self._tags.to(logits.device), self._epoch.to(logits.device)
        (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
        log_p = torch.log_softmax(logits.detach(), dim=-1)
        self._epoch[0, rows] = log_p.gather(1, self._tags[rows][:, None]).squeeze(1).exp().half()
        self._epoch[1, rows] = (gradient.abs().sum(dim=-1) / 2).half()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Read what was noted before the checkpoint that training goes on from."""
        if state.global_step:
            before = TrainingRecord.load(checkpoint(args, state) / IN_CHECKPOINTS)
            self.record.tag_probabilities[:] = before.tag_probabilities
            self.record.gradient_weights[:] = before.gradient_weights
            begun = math.floor(state.epoch or 0)
            if begun < len(self.record.tag_probabilities):
                rows = (self.record.tag_probabilities[begun], self.record.gradient_weights[begun])
                self._epoch = torch.from_numpy(np.stack(rows))

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add the epoch to the record."""
        self._enter(round(state.epoch or 0) - 1)
        self._epoch = self._blank(self._epoch.device)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the record as far as it goes into the checkpoint."""
        begun = math.floor(state.epoch or 0)
        if begun < len(self.record.tag_probabilities):
            self._enter(begun)
        if state.is_world_process_zero:
            self.record.save(checkpoint(args, state) / IN_CHECKPOINTS)

    def _enter(self, epoch: int) -> None:
        self.record.tag_probabilities[epoch], self.record.gradient_weights[epoch] = self._epoch.cpu().numpy()

    def _blank(self, device: torch.device) -> torch.Tensor:
        """Room for an epoch: the probability and the weight of every word, neither seen yet."""
        return torch.full((2, len(self._tags)), torch.nan, dtype=torch.float16, device=device)
