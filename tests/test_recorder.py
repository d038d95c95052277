"""What a training notes, held against what its loss says word by word."""

import numpy as np
import pytest
import torch
from test_trainer import STEP, StoppedError, classifier, cross_entropy, same_state, split, stop_at
from test_trainer import run as fit_model

from pipeline.corpus import Corpus, Sentence
from pipeline.gradient_weights import gce_weights
from pipeline.losses import sgce
from pipeline.recorder import IN_CHECKPOINTS, Recorder
from pipeline.training_record import TrainingRecord

LABELS = ("O", "B-PER", "I-PER")


def corpus_of(train):
    """A corpus whose tags are the signal `tags`; how its words are cut into sentences is not read."""
    tags = train.signals["tags"].numpy()
    return Corpus(LABELS, [Sentence(("w",) * len(tags), tuple(LABELS[t] for t in tags))])


def gce(q):
    return lambda logits, signals, progress: sgce(logits, signals["tags"], q=q)


def record(start, train, folder, **keys):
    recorder = Recorder(corpus_of(train), keys.get("epochs", 1))
    log = fit_model(start, train, folder, recorder=recorder, **keys)
    return recorder.record, log


@pytest.mark.parametrize("q", [0.0, 0.6])
def test_probabilities_and_weights_are_those_of_the_step(tmp_path, q):
    """Each word's numbers, from what the loss itself was given in that epoch."""
    start = classifier(dropout=0.2)
    train = split(start.tokenizer, 20)
    n = len(train.signals["row"])
    seen = np.full((2, n), np.nan)

    def word_loss(logits, signals, progress):
        p = torch.softmax(logits.detach().double(), -1).numpy()
        seen[progress.epoch, signals["row"]] = p[range(len(p)), signals["tags"]]
        return gce(q)(logits, signals, progress)

    found, _ = record(start, train, tmp_path, word_loss=word_loss, dev=split(start.tokenizer, 2), dev_loss=gce(q),
                      epochs=2, learning_rate=0.05)  # fmt: skip
    assert not np.isnan(seen).any()
    assert found.tag_probabilities.dtype == found.gradient_weights.dtype == np.float16
    np.testing.assert_allclose(found.tag_probabilities, seen, atol=6e-4)
    np.testing.assert_allclose(found.gradient_weights, gce_weights(seen, q), atol=6e-4)
    assert np.abs(seen[1] - seen[0]).max() > 0.05, "the epochs differ, so a wrong one would show"


def test_weights_are_those_of_the_loss_whatever_it_is(tmp_path):
    """Smoothed targets, and a q that changes from step to step; the epoch's mean stands for no single one."""
    start = classifier()
    train = split(start.tokenizer, 3 * STEP)
    steps = {}

    def word_loss(logits, signals, progress):
        loss = sgce(logits, signals["tags"], q=0.3 * progress.step, smoothing=0.2)
        copy = logits.detach().clone().requires_grad_()
        sgce(copy, signals["tags"], q=0.3 * progress.step, smoothing=0.2).sum().backward()
        steps.update(zip(signals["row"].tolist(), (copy.grad.abs().sum(-1) / 2).tolist(), strict=True))
        return loss

    found, _ = record(start, train, tmp_path, word_loss=word_loss, dev=split(start.tokenizer, 2), dev_loss=gce(0.0))
    expected = [steps[i] for i in range(len(steps))]
    np.testing.assert_allclose(found.gradient_weights[0], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("keys", [{}, {"batch_size": 2, "gradient_accumulation": 4}])
def test_recording_changes_no_training(tmp_path, keys):
    plain, recorded = classifier(dropout=0.2), classifier(dropout=0.2)
    train = split(plain.tokenizer, 20)
    expected = fit_model(plain, train, tmp_path / "plain", epochs=2, **keys)
    found, log = record(recorded, train, tmp_path / "recorded", epochs=2, **keys)
    assert log == expected
    same_state(recorded.model.state_dict(), plain.model.state_dict())
    assert not np.isnan(found.gradient_weights).any()


def test_dividing_a_step_changes_no_record(tmp_path):
    """Accumulation scales a batch's loss; the record is of the words' own losses."""
    whole, divided = classifier(), classifier()
    train = split(whole.tokenizer, 3 * STEP)
    first, _ = record(whole, train, tmp_path / "whole")
    second, _ = record(divided, train, tmp_path / "divided", batch_size=2, gradient_accumulation=4)
    np.testing.assert_allclose(second.tag_probabilities, first.tag_probabilities, atol=1e-3)
    np.testing.assert_allclose(second.gradient_weights, first.gradient_weights, atol=1e-3)


@pytest.mark.parametrize("minutes", [10.0, 1e-9])
@pytest.mark.parametrize("stop", [2, 4, 5, 8])
def test_a_resumed_training_has_the_record_of_a_whole_one(tmp_path, stop, minutes):
    """Stopped in the first epoch, in the second, and in the third of four, three steps each; with a checkpoint at the
    end of each epoch, and at each step."""
    whole, broken, resumed = (classifier(dropout=0.2) for _ in range(3))
    train = split(whole.tokenizer, 20)
    expected, log = record(whole, train, tmp_path / "whole", epochs=4)
    keys = {"epochs": 4, "checkpoint_minutes": minutes}
    with pytest.raises(StoppedError):
        record(broken, train, tmp_path / "broken", on_progress=stop_at(stop), **keys)
    found, log_again = record(resumed, train, tmp_path / "broken", **keys)
    assert log_again == log
    np.testing.assert_array_equal(found.tag_probabilities, expected.tag_probabilities)
    np.testing.assert_array_equal(found.gradient_weights, expected.gradient_weights)
    assert not np.isnan(found.gradient_weights).any()


def test_a_checkpoint_holds_the_record_up_to_its_step(tmp_path):
    """Stopped in the fifth step, the second of the second epoch: the last checkpoint is that of the fourth."""
    whole, broken = classifier(dropout=0.2), classifier(dropout=0.2)
    train = split(whole.tokenizer, 20)
    expected, _ = record(whole, train, tmp_path / "whole", epochs=4)
    with pytest.raises(StoppedError):
        record(broken, train, tmp_path, epochs=4, on_progress=stop_at(5), checkpoint_minutes=1e-9)
    found = TrainingRecord.load(tmp_path / "checkpoints" / "checkpoint-4" / IN_CHECKPOINTS).gradient_weights
    np.testing.assert_array_equal(found[0], expected.gradient_weights[0])
    seen = ~np.isnan(found[1])
    assert 0 < seen.sum() < seen.size
    np.testing.assert_array_equal(found[1, seen], expected.gradient_weights[1, seen])
    assert np.isnan(found[2:]).all()


def test_a_training_that_is_not_recorded_leaves_no_record(tmp_path):
    start = classifier()
    fit_model(start, split(start.tokenizer, 4), tmp_path, word_loss=cross_entropy)
    assert not list(tmp_path.rglob(IN_CHECKPOINTS))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recording_on_a_gpu(tmp_path):
    start = classifier()
    train = split(start.tokenizer, 20)
    expected, _ = record(classifier(), train, tmp_path / "cpu", epochs=2)
    found, _ = record(start, train, tmp_path / "gpu", epochs=2, device="cuda")
    np.testing.assert_allclose(found.tag_probabilities, expected.tag_probabilities, atol=5e-3)
    np.testing.assert_allclose(found.gradient_weights, expected.gradient_weights, atol=5e-3)
