"""Notes what the loss does to each word while a model is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.corpus import Corpus
from pipeline.training_record import TrainingRecord

IN_CHECKPOINTS = "training_record.safetensors"  # beside the checkpoints while training goes on


class Recorder(TrainerCallback):
    """Fills a `TrainingRecord` as training goes on, from numbers that the step has computed anyway.

    Per step it costs a backward pass through the loss alone, not through the model, and nothing waits for a GPU before
    the end of the epoch. Nor does it change what is trained: weights and random numbers are left as they are.

    The record is written before the checkpoint of each epoch. So whatever checkpoint training goes on from, the epochs
    before it are on disk, and later ones are noted again.

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
            self._tags = self._tags.to(logits.device)
            self._epoch = self._blank(logits.device)
        (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
        log_p = torch.log_softmax(logits.detach(), dim=-1)
        self._epoch[0, rows] = log_p.gather(1, self._tags[rows][:, None]).squeeze(1).exp().half()
        self._epoch[1, rows] = (gradient.abs().sum(dim=-1) / 2).half()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Read the epochs before the checkpoint that training goes on from."""
        done, path = round(state.epoch or 0), Path(str(args.output_dir)) / IN_CHECKPOINTS
        if done and path.is_file():
            before = TrainingRecord.load(path)
            self.record.tag_probabilities[:done] = before.tag_probabilities[:done]
            self.record.gradient_weights[:done] = before.gradient_weights[:done]

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add the epoch to the record, and write it beside the checkpoints."""
        epoch = round(state.epoch or 0) - 1
        probabilities, weights = self._epoch.cpu().numpy()
        self.record.tag_probabilities[epoch], self.record.gradient_weights[epoch] = probabilities, weights
        self._epoch = self._blank(self._epoch.device)
        if state.is_world_process_zero:
            self.record.save(Path(str(args.output_dir)) / IN_CHECKPOINTS)

    def _blank(self, device: torch.device) -> torch.Tensor:
        """Room for an epoch: the probability and the weight of every word, neither seen yet."""
        return torch.full((2, len(self._tags)), torch.nan, dtype=torch.float16, device=device)
