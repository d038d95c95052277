"""Checkpoints of a training: whole or not counted, made often enough, and gone on from as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.files import flush, has_hashes, hashes, write_json
from pipeline.interruption import Request

LIST = "files.json"  # the sha256 of every file of a checkpoint, written last
STATE = "trainer_state.json"
LOSS = "loss_since_log.json"  # what the Trainer does not save: the sum of the losses since the last record of the log
KEPT = 2  # the newest, and the one before in case that is torn


class Checkpoints(TrainerCallback):
    """Has the Trainer save within an epoch, too, and makes sure that what it saves is whole and can be gone on from.

    The Trainer saves at the end of each epoch. Within one it is told to when some minutes have passed, or when the
    command is asked to stop; never after an epoch's last step, where evaluation is still to come. Each checkpoint ends
    with a list of hashes, and only those whose files match it count.

    Args:
        trainer: whose checkpoints they are.
        minutes: from one to the next.
        request: obeyed as soon as a checkpoint is written.
    """

    def __init__(self, trainer: Trainer, minutes: float, request: Request) -> None:
        self._trainer = trainer
        self._minutes = minutes
        self._request = request
        self._saved = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Read what the Trainer does not: the losses that no record has told, and where the best checkpoint is now."""
        self._saved = time.monotonic()
        if state.global_step:
            since = json.loads((checkpoint(args, state) / LOSS).read_text(encoding="utf-8"))
            self._trainer._tr_loss += since["loss"]
            self._trainer._globalstep_last_logged = since["logged"]
        if state.best_global_step:  # the run may have been moved
            state.best_model_checkpoint = str(Path(str(args.output_dir)) / f"checkpoint-{state.best_global_step}")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint if it is time for one."""
        within_epoch = state.global_step % (state.max_steps // state.num_train_epochs) != 0
        due = time.monotonic() - self._saved >= 60 * self._minutes
        if within_epoch and (due or self._request.number is not None):
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Make the checkpoint count, remove those that are no longer needed, and stop if that was asked for."""
        if state.is_world_process_zero:
            folder = checkpoint(args, state)
            since = {"loss": self._trainer._tr_loss.item(), "logged": self._trainer._globalstep_last_logged}
            write_json(folder / LOSS, since)
            seal(folder)
            for old in _by_step(folder.parent)[KEPT:]:
                if _step(old) != state.best_global_step:
                    shutil.rmtree(old, ignore_errors=True)
        self._saved = time.monotonic()
        self._request.obey()


def checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    """The folder of the checkpoint at the step that training has reached."""
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def seal(folder: Path) -> None:
    """Flush a checkpoint's files to disk, and list their hashes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != LIST)
    for file in files:
        flush(file)
    write_json(folder / LIST, hashes(folder, files))
    flush(folder)
    flush(folder.parent)


def newest(checkpoints: Path) -> str | None:
    """The newest checkpoint that is whole, as is the best one so far if it names one; what is newer is removed."""
    for folder in _by_step(checkpoints):
        if _is_whole(folder):
            best = json.loads((folder / STATE).read_text(encoding="utf-8"))["best_global_step"]
            if best is None or _is_whole(checkpoints / f"checkpoint-{best}"):
                return str(folder)
        shutil.rmtree(folder)
    return None


def _is_whole(folder: Path) -> bool:
    try:
        listed: dict[str, str] = json.loads((folder / LIST).read_text(encoding="utf-8"))
        return STATE in listed and has_hashes(folder, listed)
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _by_step(checkpoints: Path) -> list[Path]:
    return sorted(checkpoints.glob("checkpoint-*"), key=_step, reverse=True)


def _step(folder: Path) -> int:
    return int(folder.name.partition("-")[2])
