"""What is said of the loss while a model is trained, and the end of a training whose loss is no number."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.errors import PipelineError
from pipeline.prediction import OnProgress


class LossWatch:
    """Stops training at a loss that is no number: at once on a CPU, a batch later on a GPU, which is not waited for."""

    def __init__(self) -> None:
        self._noted: tuple[torch.Tensor, torch.cuda.Event | None, int, float] | None = None

    def note(self, loss: torch.Tensor, step: int, learning_rate: float) -> None:
        """Look at the loss noted before, and note this one of a step at its learning rate.

        Raises:
            PipelineError: the former is no number; on a CPU, or the latter.
        """
        self.check()
        value, arrived = loss.detach(), None
        if loss.device.type == "cuda":
            value = torch.empty((), dtype=loss.dtype, pin_memory=True).copy_(value, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        self._noted = value, arrived, step, learning_rate
        if arrived is None:
            self.check()

    def check(self) -> None:
        """Look at the loss that was noted last."""
        if self._noted is not None:
            (value, arrived, step, learning_rate), self._noted = self._noted, None
            if arrived is not None:
                arrived.synchronize()
            if not math.isfinite(value.item()):
                raise diverged(f"the loss on train is {value.item()}", step, learning_rate)


def diverged(what: str, step: int, learning_rate: float) -> PipelineError:
    """The error of a training whose numbers are none any more."""
    return PipelineError(
        f"{what} at step {step}, learning rate {learning_rate:.2g}; try a smaller learning_rate, or precision = 'fp32'"
    )


class LogCallback(TrainerCallback):
    """Reports progress as training goes on, and stops it when the loss on dev is not a number."""

    def __init__(self, on_progress: OnProgress, words_per_epoch: int) -> None:
        self._on_progress = on_progress
        self._words_per_epoch = words_per_epoch
        self._clock = (time.monotonic(), 0.0)  # seconds and epochs when training began or went on

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock that words per second are measured against."""
        self._clock = (time.monotonic(), state.epoch or 0.0)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the steps since the last record, so that none is left out."""
        control.should_log = True

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Check the loss on dev if it was logged last, and say how far training is."""
        record = state.log_history[-1]
        if not math.isfinite(loss := record.get("eval_loss", 0.0)):
            raise diverged(f"the loss on dev is {loss}", state.global_step, args.learning_rate)
        if "loss" in record:
            seconds, epochs = time.monotonic() - self._clock[0], (state.epoch or 0.0) - self._clock[1]
            speed = epochs * self._words_per_epoch / max(seconds, 1e-9)
            self._on_progress(state.global_step, state.max_steps, f"loss {record['loss']:.4f} · {speed:,.0f} words/s")
