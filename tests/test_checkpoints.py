"""Checkpoints: when one is written, which one counts, and that training goes on from it as if nothing had happened."""

import json
import math
import os
import shutil
import signal

import pytest
import torch
from test_trainer import STEP, StoppedError, classifier, cross_entropy, same_state, split, stop_at
from test_trainer import run as fit_model

from pipeline import checkpoints, interruption
from pipeline.checkpoints import LIST, LOSS, newest, seal
from pipeline.errors import PipelineError
from pipeline.interruption import Interrupted, interruptible

EVERY_STEP = 1e-9  # minutes


def steps(folder):
    return sorted(int(path.parent.name.partition("-")[2]) for path in folder.glob(f"checkpoints/checkpoint-*/{LIST}"))


def counting(losses):
    def word_loss(logits, signals, progress):
        losses.append(progress.step)
        return cross_entropy(logits, signals, progress)

    return word_loss


# --- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "sentences", "keys"),
    [
        *((stop, 20, {}) for stop in (1, 2, 4, 8, 11)),
        (5, 20, {"gradient_accumulation": 2, "batch_size": 4}),
        (5, 20, {"keep": "best"}),
        (100, 85, {"batch_size": 1, "epochs": 3}),  # more than 200 steps: records of the log are means over two
    ],
)
def test_stopped_in_mid_epoch_the_result_is_the_same(tmp_path, stop, sentences, keys):
    """Log, weights and which batches are seen; at most one step is repeated, for each leaves a checkpoint."""
    keys = {"epochs": 4} | keys
    whole, broken, resumed = (classifier(dropout=0.2) for _ in range(3))
    train, dev = split(whole.tokenizer, sentences), split(whole.tokenizer, 3, seed=1)
    expected = fit_model(whole, train, tmp_path / "whole", dev=dev, **keys)
    often = {"checkpoint_minutes": EVERY_STEP}
    with pytest.raises(StoppedError):
        fit_model(broken, train, tmp_path / "broken", dev=dev, on_progress=stop_at(stop), **often, **keys)
    assert steps(tmp_path / "broken")[-1:] == [stop - 1] * (stop > 1)
    seen = []
    own = {"word_loss": counting(seen), "dev_loss": cross_entropy}
    assert fit_model(resumed, train, tmp_path / "broken", dev=dev, **own, **keys) == expected
    assert min(seen) == stop - 1, "one step is done twice, the one that left no checkpoint"
    same_state(resumed.model.state_dict(), whole.model.state_dict())


def test_a_finished_training_is_not_repeated(tmp_path):
    """The model is published after training: a process that dies then has nothing to train again."""
    whole, again = classifier(dropout=0.2), classifier(dropout=0.2)
    train, seen = split(whole.tokenizer, 20), []
    expected = fit_model(whole, train, tmp_path, epochs=2)
    found = fit_model(again, train, tmp_path, epochs=2, word_loss=counting(seen), dev_loss=cross_entropy)
    assert (found, seen) == (expected, [])
    same_state(again.model.state_dict(), whole.model.state_dict())


@pytest.mark.parametrize("stop", [8, 12])
def test_the_best_epoch_is_found_in_a_run_that_was_moved(tmp_path, stop):
    """Epochs of three steps; the first is best. Stopped within the third, and before the last is evaluated."""
    losses = {1: 1.0, 2: 3.0, 3: 2.0, 4: 4.0}

    def dev_loss(logits, signals, progress):
        return torch.full((len(logits),), losses[progress.epoch])

    whole, broken, resumed = (classifier(dropout=0.2) for _ in range(3))
    train = split(whole.tokenizer, 20)
    keys = {"epochs": 4, "keep": "best", "dev_loss": dev_loss}
    expected = fit_model(whole, train, tmp_path / "whole", **keys)
    with pytest.raises(StoppedError):
        fit_model(broken, train, tmp_path / "here", on_progress=stop_at(stop), checkpoint_minutes=EVERY_STEP, **keys)
    assert steps(tmp_path / "here") == [3, stop - 2, stop - 1]
    (tmp_path / "here").rename(tmp_path / "there")
    assert fit_model(resumed, train, tmp_path / "there", **keys) == expected
    same_state(resumed.model.state_dict(), whole.model.state_dict())
    finished = classifier()
    (tmp_path / "there").rename(tmp_path / "elsewhere")
    assert fit_model(finished, train, tmp_path / "elsewhere", **keys) == expected
    same_state(finished.model.state_dict(), whole.model.state_dict())


# --- when -------------------------------------------------------------------------------------------------------------


def saved_steps(folder, monkeypatch, minutes, seconds_per_step):
    """The steps after which a checkpoint was written, in two epochs of six steps, by a clock that we turn."""
    clock, saved = [0.0], []

    class Watching(checkpoints.Checkpoints):
        def on_step_end(self, args, state, control, **kwargs):
            clock[0] += seconds_per_step
            super().on_step_end(args, state, control, **kwargs)

        def on_save(self, args, state, control, **kwargs):
            saved.append(state.global_step)
            super().on_save(args, state, control, **kwargs)

    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr("pipeline.trainer.Checkpoints", Watching)
    start = classifier()
    fit_model(start, split(start.tokenizer, 6 * STEP), folder, epochs=2, checkpoint_minutes=minutes)
    return saved


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        (2.0, [2, 4, 6, 8, 10, 12]),
        (4.0, [4, 6, 10, 12]),
        (60.0, [6, 12]),
    ],
)
def test_a_checkpoint_every_so_many_minutes_and_at_the_end_of_each_epoch(tmp_path, monkeypatch, minutes, expected):
    assert saved_steps(tmp_path, monkeypatch, minutes, 60.0) == expected
    assert steps(tmp_path) == expected[-2:]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_the_next_step_with_a_checkpoint(tmp_path, number):
    whole, stopped, resumed = (classifier(dropout=0.2) for _ in range(3))
    train = split(whole.tokenizer, 20)
    expected = fit_model(whole, train, tmp_path / "whole", epochs=2)

    def word_loss(logits, signals, progress):
        if progress.step == 3:
            os.kill(os.getpid(), number)
        return cross_entropy(logits, signals, progress)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught, interruptible():
        fit_model(stopped, train, tmp_path / "run", word_loss=word_loss, dev_loss=cross_entropy, epochs=2)
    assert caught.value.number == number
    assert signal.getsignal(number) is before
    assert steps(tmp_path / "run") == [3, 4]
    assert fit_model(resumed, train, tmp_path / "run", epochs=2) == expected
    same_state(resumed.model.state_dict(), whole.model.state_dict())


def test_a_signal_in_the_last_step_of_an_epoch_waits_for_its_evaluation(tmp_path):
    whole, stopped = classifier(dropout=0.2), classifier(dropout=0.2)
    train = split(whole.tokenizer, 20)
    expected = fit_model(whole, train, tmp_path / "whole", epochs=2)

    def word_loss(logits, signals, progress):
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return cross_entropy(logits, signals, progress)

    with pytest.raises(Interrupted), interruptible():
        fit_model(stopped, train, tmp_path / "run", word_loss=word_loss, dev_loss=cross_entropy, epochs=2)
    assert steps(tmp_path / "run") == [3]
    assert fit_model(stopped, train, tmp_path / "run", epochs=2) == expected


def test_a_second_signal_stops_at_once(tmp_path):
    start = classifier()

    def word_loss(logits, signals, progress):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    with pytest.raises(Interrupted), interruptible():
        fit_model(start, split(start.tokenizer, 20), tmp_path, word_loss=word_loss)
    assert steps(tmp_path) == []
    assert interruption._waiting == []


# --- which one counts -------------------------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A training of nine steps that stopped in its sixth, its data, and the log and weights of one that did not."""
    folder = tmp_path_factory.mktemp("stopped")
    whole, broken = classifier(dropout=0.2), classifier(dropout=0.2)
    train = split(whole.tokenizer, 20)
    expected = fit_model(whole, train, folder / "whole", epochs=3)
    with pytest.raises(StoppedError):
        fit_model(broken, train, folder / "run", epochs=3, on_progress=stop_at(6), checkpoint_minutes=EVERY_STEP)
    assert steps(folder / "run") == [4, 5]
    return folder / "run", train, expected, whole.model.state_dict()


FILES = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", LOSS, LIST]


@pytest.mark.parametrize(
    ("file", "tear"),
    [*((file, truncate) for file in FILES), ("optimizer.pt", flip), ("rng_state.pth", os.unlink), (LIST, os.unlink)],
)
def test_a_torn_checkpoint_is_removed_and_the_one_before_is_used(tmp_path, stopped, file, tear):
    left, train, expected, weights = stopped
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)
    tear(tmp_path / "checkpoints" / "checkpoint-5" / file)
    start, seen = classifier(dropout=0.2), []
    own = {"word_loss": counting(seen), "dev_loss": cross_entropy}
    assert fit_model(start, train, tmp_path, epochs=3, **own) == expected
    assert min(seen) == 4
    same_state(start.model.state_dict(), weights)


def sealed(folder, step, best=None):
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"best_global_step": best}))
    seal(checkpoint)
    return checkpoint


def test_the_newest_is_that_of_the_last_step_not_of_the_last_letter(tmp_path):
    assert newest(tmp_path) is None
    sealed(tmp_path, 9)
    sealed(tmp_path, 10)
    assert newest(tmp_path) == str(tmp_path / "checkpoint-10")


def test_without_a_whole_checkpoint_training_begins_anew(tmp_path):
    for step in (1, 2):
        truncate(sealed(tmp_path, step) / "trainer_state.json")
    (tmp_path / "checkpoint-3").mkdir()
    assert newest(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_counts_if_the_best_one_does_that_it_will_come_back_to(tmp_path):
    best = sealed(tmp_path, 2, best=2)
    sealed(tmp_path, 1)
    sealed(tmp_path, 4, best=2)
    assert newest(tmp_path) == str(tmp_path / "checkpoint-4")
    truncate(best / "trainer_state.json")
    assert newest(tmp_path) == str(tmp_path / "checkpoint-1")


def test_a_checkpoint_that_was_cut_short_does_not_count(tmp_path, monkeypatch):
    """Killed while it is written, whatever the last file was."""
    start = classifier()
    train = split(start.tokenizer, 20)
    fit_model(start, train, tmp_path, epochs=2)
    folder = tmp_path / "checkpoints"
    whole = folder / "checkpoint-6"
    files = sorted(path.name for path in whole.iterdir())
    for n in range(len(files)):
        later = folder / "checkpoint-7"
        later.mkdir()
        for file in [f for f in files if f != LIST][:n]:
            shutil.copy(whole / file, later)
        assert newest(folder) == str(whole)
        assert not later.exists()


# --- numbers that are none --------------------------------------------------------------------------------------------


def test_weights_that_are_no_numbers_take_no_checkpoints_place(tmp_path):
    """The gradient of the fifth step is infinite while its loss is not."""
    start = classifier()

    def word_loss(logits, signals, progress):
        return cross_entropy(logits, signals, progress) * (
            1 if progress.step != 4 else 1 + 0 * torch.sqrt(logits.sum() * 0)
        )

    lost = r"^a weight is no number at step 5, learning rate [0-9.e-]+; try a smaller"
    own = {"word_loss": word_loss, "dev_loss": cross_entropy, "checkpoint_minutes": EVERY_STEP}
    with pytest.raises(PipelineError, match=lost):
        fit_model(start, split(start.tokenizer, 6 * STEP), tmp_path, epochs=2, **own)
    assert steps(tmp_path) == [3, 4]


def test_training_stops_in_the_step_whose_loss_is_no_number(tmp_path):
    """The log has a record every third step only, but the fifth of 300 is the last."""
    start, seen = classifier(), []

    def word_loss(logits, signals, progress):
        seen.append(progress.step)
        return cross_entropy(logits, signals, progress) * (math.nan if progress.step == 4 else 1)

    with pytest.raises(PipelineError, match=r"^the loss on train is nan at step 5, learning rate 0\.00099;"):
        fit_model(start, split(start.tokenizer, 300), tmp_path, word_loss=word_loss, batch_size=1)
    assert seen == [0, 1, 2, 3, 4]
