import copy
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from pipeline import trainer
from pipeline.config_tables import Scratch, Training
from pipeline.corpus import Sentence
from pipeline.embedding_rows import only_rows_read
from pipeline.encoders import from_scratch
from pipeline.encoding import encode
from pipeline.errors import PipelineError
from pipeline.models import load
from pipeline.prediction import predict_word_logits
from pipeline.sampler import LengthBucketSampler
from pipeline.trainer import Words, fit, training_arguments

LABELS = ("O", "B-PER", "I-PER")
WORDS = ["Ann", "Lee", "flew", "from", "Rome", "to", "Oslo", "on", "Monday", "."]
STEP = 8  # windows per optimiser step
DIVISIONS = [(8, 1), (4, 2), (2, 4)]  # windows per batch, batches per step


def classifier(dropout=0.0):
    settings = Scratch(layers=1, hidden=16, heads=2, vocabulary=60, dropout=dropout)
    return from_scratch(settings, WORDS, LABELS, seed=0)


def split(tokenizer, sentences, seed=0):
    """Sentences of 1 to 19 words with a tag, a random vector and the row number of each word."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 20, sentences)
    texts = [Sentence(tuple(rng.choice(WORDS, n)), ("O",) * n) for n in lengths]
    n = int(lengths.sum())
    signals = {
        "tags": torch.from_numpy(rng.integers(0, 3, n)),
        "vectors": torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)),
        "row": torch.arange(n),
    }
    return Words(encode(texts, tokenizer, 64), signals)


def cross_entropy(logits, signals, progress):
    return torch.nn.functional.cross_entropy(logits, signals["tags"], reduction="none")


def settings(**keys):
    return Training(**{"epochs": 1, "batch_size": STEP, "learning_rate": 1e-3, "warmup": 0.0} | keys)


def run(start, train, folder, *, word_loss=cross_entropy, on_progress=lambda *_: None, bf16=False, **keys):
    """Fit a model; `keys` are those of the config, dev and dev_loss."""
    dev, dev_loss, recorder = keys.pop("dev", train), keys.pop("dev_loss", None), keys.pop("recorder", None)
    device = keys.pop("device", "cpu")
    return fit(
        start.model,
        train,
        dev,
        word_loss,
        dev_loss=dev_loss,
        settings=settings(**keys),
        padding=start.padding,
        seed=0,
        device=device,
        bf16=bf16,
        checkpoints=folder / "checkpoints",
        on_progress=on_progress,
        recorder=recorder,
    )


def watch_gradients(monkeypatch):
    """Weights and gradients before each optimiser step, gathered as training goes on."""
    seen = []

    class Watching(trainer.LogCallback):
        def on_pre_optimizer_step(self, args, state, control, model, **kwargs):
            weights = {name.removeprefix("module."): weight for name, weight in model.named_parameters()}
            seen.append(
                (
                    {name: weight.detach().clone() for name, weight in weights.items()},
                    {name: weight.grad.clone() for name, weight in weights.items()},
                )
            )

    monkeypatch.setattr(trainer, "LogCallback", Watching)
    return seen


def gradients_of_divisions(folder, divisions):
    """For each division of a step: the losses of the log, and weights and gradients before each of three steps."""
    results = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        for number, (batch_size, gradient_accumulation) in enumerate(divisions):
            start = classifier()
            seen = watch_gradients(monkeypatch)
            log = run(
                start,
                split(start.tokenizer, 3 * STEP),
                folder / str(number),
                batch_size=batch_size,
                gradient_accumulation=gradient_accumulation,
                clip=1e9,
            )
            results.append(([record["loss"] for record in log if "loss" in record], seen))
    return results


def same_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


# --- the loss and its gradient ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def undivided(tmp_path_factory):
    return gradients_of_divisions(tmp_path_factory.mktemp("undivided"), [(STEP, 1)])[0]


def close(found, expected):
    """Two runs agree in losses, weights and gradients of every step."""
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    assert len(found[1]) == len(expected[1]) == 3
    for ours, theirs in zip(found[1], expected[1], strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.keys() == other.keys()
            for name in mine:
                torch.testing.assert_close(mine[name], other[name], rtol=1e-3, atol=2e-6, msg=name)


def test_loss_and_gradient_are_those_of_plain_pytorch(undivided):
    start = classifier()
    train = split(start.tokenizer, 3 * STEP)
    order = list(LengthBucketSampler([len(w.pieces) for w in train.windows], batch=STEP, seed=0))
    for number, (loss, (weights, gradients)) in enumerate(zip(*undivided, strict=True)):
        model = copy.deepcopy(start.model).train()
        with only_rows_read(model, [train.windows], start.padding):
            model.load_state_dict(weights, strict=False)
            total, words = 0.0, train.windows.n_words / 3  # of an average step: every word weighs the same
            for window in (train.windows[i] for i in order[number * STEP : (number + 1) * STEP]):
                logits = model(input_ids=torch.tensor([window.pieces])).logits[0]
                for k, position in enumerate(window.positions):
                    tag = train.signals["tags"][window.first_word + k]
                    total = total - torch.log_softmax(logits[position], -1)[tag]
            (total / words).backward()
            assert loss == pytest.approx((total / words).item(), rel=1e-5)
            for name, weight in model.named_parameters():
                torch.testing.assert_close(gradients[name], weight.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_words_weigh_the_same_in_short_and_long_sentences(tmp_path):
    """Windows of like length share a step, so a mean over each step's own words would favour those of short ones."""
    start = classifier()
    texts = [Sentence((WORDS[0],) * n, ("O",) * n) for n in [2] * STEP + [30] * STEP]
    train = Words(encode(texts, start.tokenizer, 64), {})
    weights = {}

    def word_loss(logits, signals, progress):
        loss = logits.sum(-1) * 0 + 1
        loss.register_hook(lambda gradient: weights.update({len(gradient): gradient}))
        return loss

    run(start, train, tmp_path, word_loss=word_loss, dev_loss=lambda logits, *_: logits.sum(-1) * 0)
    assert sorted(weights) == [2 * STEP, 30 * STEP]
    for gradient in weights.values():
        torch.testing.assert_close(gradient, torch.full_like(gradient, 1 / (16 * STEP)))


def test_accumulation_changes_neither(undivided, tmp_path):
    for found in gradients_of_divisions(tmp_path, DIVISIONS[1:]):
        close(found, undivided)


def test_processes_change_neither(undivided, tmp_path):
    """Two processes, each with half of a step, without and with accumulation."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from test_trainer import gradients_of_divisions\n"
        "folder = Path(sys.argv[1])\n"
        "found = gradients_of_divisions(folder, [(4, 1), (2, 2)])\n"
        "torch.save(found, folder / f\"{os.environ['RANK']}.pt\")\n"
        "torch.distributed.destroy_process_group()\n"
    )
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)]), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in "01":
        for found in torch.load(tmp_path / f"{rank}.pt"):
            close(found, undivided)


def test_signals_are_those_of_the_words(tmp_path):
    start = classifier()
    train = split(start.tokenizer, 30)
    expected = torch.from_numpy(predict_word_logits(start.model, train.windows, start.padding))
    rows = []

    def word_loss(logits, signals, progress):
        assert set(signals) == set(train.signals)
        torch.testing.assert_close(logits, expected[signals["row"]], rtol=0, atol=1e-4)
        for name in signals:
            assert torch.equal(signals[name], train.signals[name][signals["row"]])
        rows.extend(signals["row"].tolist())
        return logits.logsumexp(-1)

    dev_rows = []

    def dev_loss(logits, signals, progress):
        dev_rows.append(signals["row"].tolist())
        return logits.sum(-1)

    run(start, train, tmp_path, word_loss=word_loss, dev_loss=dev_loss, learning_rate=1e-12)
    assert sorted(rows) == list(range(len(expected))), "each word once an epoch"
    assert dev_rows == [list(range(len(expected)))]


def test_dev_loss_is_a_mean_over_words(tmp_path):
    start = classifier()
    train, dev = split(start.tokenizer, 16), split(start.tokenizer, 11, seed=1)
    log = run(start, train, tmp_path, dev=dev)
    logits = predict_word_logits(start.model, dev.windows, start.padding)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(probabilities[range(len(logits)), dev.signals["tags"].numpy()]).mean()
    assert log[-1]["dev_loss"] == pytest.approx(expected, rel=1e-4)


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sentences", "accumulation"), [(16, 1), (16, 2), (19, 2), (11, 4)])
def test_progress_counts_optimiser_steps(tmp_path, sentences, accumulation):
    start = classifier()
    seen = []

    def word_loss(logits, signals, progress):
        seen.append(progress)
        return cross_entropy(logits, signals, progress)

    train, dev = split(start.tokenizer, sentences), split(start.tokenizer, 2)
    ends = []

    def dev_loss(logits, signals, progress):
        ends.append(progress)
        return logits.sum(-1)

    run(
        start, train, tmp_path, word_loss=word_loss, dev=dev, dev_loss=dev_loss,
        batch_size=2, gradient_accumulation=accumulation, epochs=3,
    )  # fmt: skip
    batches = math.ceil(sentences / 2)
    steps = math.ceil(batches / accumulation)
    expected = [(epoch * steps + i // accumulation, epoch) for epoch in range(3) for i in range(batches)]
    assert [(progress.step, progress.epoch) for progress in seen] == expected
    assert {progress.steps for progress in seen} == {3 * steps}
    assert [(progress.step, progress.epoch) for progress in ends] == [(steps, 1), (2 * steps, 2), (3 * steps, 3)]


def test_learning_rate_warms_up_and_decays_to_zero(tmp_path):
    start = classifier()
    log = run(start, split(start.tokenizer, 40), tmp_path, epochs=2, learning_rate=1.0, warmup=0.2, clip=1e-9)
    rates = [record["learning_rate"] for record in log if "loss" in record]
    np.testing.assert_allclose(rates, [0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8], atol=1e-9)


# --- the log ----------------------------------------------------------------------------------------------------------


def test_log_has_a_record_per_step_and_per_epoch(tmp_path):
    start = classifier()
    calls = []
    log = run(start, split(start.tokenizer, 20), tmp_path, epochs=2, on_progress=lambda *call: calls.append(call))
    assert [(record["step"], "loss" in record) for record in log] == [
        (1, True), (2, True), (3, True), (3, False), (4, True), (5, True), (6, True), (6, False),
    ]  # fmt: skip
    for record in log:
        own = {"loss", "learning_rate"} if "loss" in record else {"dev_loss"}
        assert set(record) == {"step", "epoch"} | own
        assert record["epoch"] == pytest.approx(record["step"] / 3, abs=1e-4)
    assert json.loads(json.dumps(log)) == log
    assert [call[:2] for call in calls] == [(step, 6) for step in range(1, 7)]
    assert all("words/s" in call[2] and f"loss {log[0]['loss']:.4f}"[:5] in call[2] for call in calls)


def test_long_logs_hold_means_and_leave_no_step_out(tmp_path):
    """75 steps an epoch, a record every 2: the last step of each epoch stands alone."""
    start = classifier()
    train = split(start.tokenizer, 75)
    seen, losses = [], []

    def word_loss(logits, signals, progress):
        loss = logits.sum(-1) * 0 + progress.step
        seen.append(progress.step)
        losses.append(loss.sum().item() / (train.windows.n_words / 75))
        return loss

    log = run(
        start, train, tmp_path, word_loss=word_loss, dev_loss=cross_entropy, dev=split(start.tokenizer, 2),
        batch_size=1, epochs=3,
    )  # fmt: skip
    assert seen == list(range(225))
    last = 0
    for record in (record for record in log if "loss" in record):
        assert record["loss"] == pytest.approx(np.mean(losses[last : record["step"]]))
        assert record["step"] - last <= 2
        last = record["step"]
    assert last == 225
    assert {75, 150} <= {record["step"] for record in log}


# --- resuming ---------------------------------------------------------------------------------------------------------


class StoppedError(Exception):
    """Stands for a machine that goes down."""


def stop_at(wanted):
    def on_progress(step, steps, figures):
        if step == wanted:
            raise StoppedError

    return on_progress


@pytest.mark.parametrize(
    ("sentences", "keys"),
    [
        (20, {}),
        (20, {"gradient_accumulation": 2, "batch_size": 4}),
        (20, {"keep": "best"}),
        (75, {"batch_size": 1, "epochs": 3}),  # more than 100 steps: records are means over several
    ],
)
def test_resuming_changes_nothing(tmp_path, sentences, keys):
    keys = {"epochs": 4} | keys
    whole, broken, resumed = (classifier(dropout=0.2) for _ in range(3))
    train, dev = split(whole.tokenizer, sentences), split(whole.tokenizer, 3, seed=1)
    expected = run(whole, train, tmp_path / "whole", dev=dev, **keys)
    steps = expected[-1]["step"] // keys["epochs"]
    with pytest.raises(StoppedError):
        run(broken, train, tmp_path / "broken", dev=dev, on_progress=stop_at(2 * steps), **keys)
    assert (tmp_path / "broken" / "checkpoints" / f"checkpoint-{steps}").is_dir()
    with only_rows_read(resumed.model, [train.windows, dev.windows], resumed.padding), torch.no_grad():
        for weight in resumed.model.parameters():  # what it resumes from is the checkpoint alone
            weight.add_(1.0)
    assert run(resumed, train, tmp_path / "broken", dev=dev, **keys) == expected
    same_state(resumed.model.state_dict(), whole.model.state_dict())


# --- which weights are kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "kept"), [("best", 2), ("last", 4)])
def test_the_weights_of_the_chosen_epoch_are_kept(tmp_path, monkeypatch, keep, kept):
    start = classifier()
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 4: 1.5}
    after = {}

    class Remembering(trainer.LogCallback):
        def on_evaluate(self, args, state, control, model, **kwargs):
            after[round(state.epoch)] = copy.deepcopy(model.state_dict())

    def dev_loss(logits, signals, progress):
        return torch.full((len(logits),), losses[progress.epoch])

    monkeypatch.setattr(trainer, "LogCallback", Remembering)
    train = split(start.tokenizer, 16)
    log = run(start, train, tmp_path, epochs=4, keep=keep, dev_loss=dev_loss)
    assert [record["dev_loss"] for record in log if "dev_loss" in record] == list(losses.values())
    with only_rows_read(start.model, [train.windows], start.padding):
        same_state(start.model.state_dict(), after[kept])
    assert len({tuple(state["classifier.bias"].tolist()) for state in after.values()}) == 4


# --- losses that are no numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_training(tmp_path, value):
    start = classifier()

    def word_loss(logits, signals, progress):
        return cross_entropy(logits, signals, progress) * (value if progress.step == 2 else 1)

    message = rf"^the loss on train is {value} at step 3, learning rate 0\.0006; [^\n]*precision = 'fp32'$"
    with pytest.raises(PipelineError, match=message):
        run(start, split(start.tokenizer, 5 * STEP), tmp_path, word_loss=word_loss)


def test_weights_that_break_in_the_last_step_are_noticed_on_dev(tmp_path):
    start = classifier()

    def dev_loss(logits, signals, progress):
        return logits.sum(-1) * math.nan

    with pytest.raises(PipelineError, match=r"^the loss on dev is nan at step 2, learning rate 0\.001;"):
        run(start, split(start.tokenizer, 2 * STEP), tmp_path, dev_loss=dev_loss)


# --- precision and devices --------------------------------------------------------------------------------------------


def test_bf16_is_for_training_alone(tmp_path):
    start = classifier()
    rounded = {"train": [], "dev": []}

    def noting(where):
        def loss(logits, signals, progress):
            assert logits.dtype == torch.float32
            rounded[where].append(torch.equal(logits, logits.bfloat16().float()))
            return cross_entropy(logits, signals, progress)

        return loss

    train = split(start.tokenizer, 4 * STEP)
    log = run(start, train, tmp_path, word_loss=noting("train"), dev_loss=noting("dev"), bf16=True, epochs=3)
    losses = [record["loss"] for record in log if "loss" in record]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    assert all(rounded["train"])
    assert not any(rounded["dev"])
    assert {weight.dtype for weight in start.model.parameters()} == {torch.float32}
    start.save(tmp_path / "model")
    reloaded = predict_word_logits(load(tmp_path / "model").model, train.windows, start.padding)
    np.testing.assert_array_equal(predict_word_logits(start.model, train.windows, start.padding), reloaded)


def test_fp32_rounds_nothing(tmp_path):
    start = classifier()

    def word_loss(logits, signals, progress):
        assert not torch.equal(logits, logits.bfloat16().float())
        return cross_entropy(logits, signals, progress)

    run(start, split(start.tokenizer, STEP), tmp_path, word_loss=word_loss)


def test_several_gpus_are_not_used_by_one_process(tmp_path, monkeypatch):
    """Rows that are flat over words cannot be scattered by DataParallel."""
    prepare = TrainingArguments.__post_init__

    def two_gpus(self):
        prepare(self)
        self._n_gpu = 2

    monkeypatch.setattr(TrainingArguments, "__post_init__", two_gpus)
    arguments = training_arguments(settings(), seed=0, device="cpu", checkpoints=tmp_path, n_windows=20)
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == STEP


def test_memory_is_pinned_for_a_gpu_alone(tmp_path):
    arguments = training_arguments(settings(), seed=0, device="cpu", checkpoints=tmp_path, n_windows=20)
    assert arguments.device == torch.device("cpu")
    assert not arguments.dataloader_pin_memory
    assert not arguments.accelerator_config.non_blocking


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("bf16", [False, True])
def test_training_on_a_gpu(tmp_path, bf16):
    start, on_cpu = classifier(), classifier()
    train = split(start.tokenizer, 4 * STEP)
    arguments = training_arguments(settings(), seed=0, device="cuda", checkpoints=tmp_path, n_windows=32)
    assert arguments.device.type == "cuda"
    assert arguments.dataloader_pin_memory
    assert arguments.accelerator_config.non_blocking
    assert arguments.n_gpu == 1

    def word_loss(logits, signals, progress):
        assert logits.dtype == torch.float32
        assert logits.device.type == signals["tags"].device.type == "cuda"
        assert torch.equal(logits, logits.bfloat16().float()) is bf16
        return cross_entropy(logits, signals, progress)

    log = fit(
        start.model,
        train,
        train,
        word_loss,
        dev_loss=cross_entropy,
        settings=settings(epochs=2),
        padding=start.padding,
        seed=0,
        device="cuda",
        bf16=bf16,
        checkpoints=tmp_path / "checkpoints",
        on_progress=lambda *_: None,
    )
    assert {weight.device.type for weight in start.model.parameters()} == {"cuda"}
    expected = run(on_cpu, train, tmp_path / "cpu", epochs=2)
    found, wanted = ([r.get("loss", r.get("dev_loss")) for r in records] for records in (log, expected))
    np.testing.assert_allclose(found, wanted, rtol=5e-2 if bf16 else 1e-3)


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # what torch.compile itself imports and reads is deprecated
def test_compiled_training_learns_the_same(tmp_path):
    start = classifier()
    other = copy.deepcopy(start)
    train = split(start.tokenizer, 4 * STEP)
    compiled = run(start, train, tmp_path / "compiled", compile=True, epochs=2)
    plain = run(other, train, tmp_path / "plain", epochs=2)
    found, expected = ([r.get("loss", r.get("dev_loss")) for r in log] for log in (compiled, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert start.model._compiled_call_impl is None
    assert start.model.state_dict().keys() == other.model.state_dict().keys()


def test_compiling_without_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    start = classifier()
    with pytest.raises(PipelineError, match=r"compile: expected the C\+\+ compiler no-such-compiler, found none"):
        run(start, split(start.tokenizer, STEP), tmp_path, compile=True)
