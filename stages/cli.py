"""The command line: flags in, one stage after another, one line out. Heavy libraries are imported inside commands.

A run remembers its config: without CONFIG, a run folder's own `config.toml` is used where there is one, else the
built-in quickstart. A stage command makes the earlier stages it needs when they are missing, and takes them as they are
when they are sealed; `pipeline run` holds every stage to the config.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from stages.cli_results import audit_command, bench_command, eval_command, verify_command
from stages.options import (
    ConfigArgument,
    ConfigOption,
    CorrectionOption,
    DeviceOption,
    EpochsOption,
    ForceOption,
    Kl,
    LearningRateOption,
    LimitOption,
    NoiseKind,
    QOption,
    QuietOption,
    RunOption,
    SeedOption,
    SetOption,
    SmoothingOption,
    one_line_errors,
    q_value,
)

# Threads that wait for each other by spinning lose ten times and more as soon as another process wants a core; a short
# spin costs little on an idle machine. Read when torch loads its OpenMP runtime.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

for stream in (sys.stdout, sys.stderr):  # a character that a terminal cannot show is spelled out
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")

app = typer.Typer(
    help="Train an NER teacher on noisy labels, distil it into a small student, and know how far to trust both.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("run")
@one_line_errors
def run_command(
    config: ConfigArgument = None,
    run: RunOption = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    limit: LimitOption = None,
    device: DeviceOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Everything: prepare, every teacher and student of the config, eval. Sealed stages are reused."""
    flags = {"seed": seed, "prepare.limit": limit, "device": device}
    from stages.opening import open_experiment
    from stages.order import run_all

    experiment = open_experiment(config, run, set_, flags, force=force, quiet=quiet, remember=True)
    run_all(experiment)
    experiment.reporter.say(f"next: open {experiment.folder / 'report.html'}")


@app.command("prepare")
@one_line_errors
def prepare_command(
    config: ConfigOption = None,
    run: RunOption = None,
    noise: Annotated[NoiseKind | None, typer.Option(help="Kind of label noise.")] = None,
    rate: Annotated[float | None, typer.Option(help="Noise rate, from 0 to 1.")] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    limit: LimitOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Freeze words, noisy tags and gold."""
    flags = {"seed": seed, "prepare.limit": limit, "prepare.noise.kind": noise, "prepare.noise.rate": rate}
    from stages.opening import open_experiment

    experiment = open_experiment(config, run, set_, flags, force=force, quiet=quiet)
    from stages.prepare import prepare

    prepare(experiment)
    experiment.reporter.next_command(f"pipeline teach --run {experiment.folder}")


@app.command("probe")
@one_line_errors
def probe_command(
    config: ConfigOption = None,
    run: RunOption = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    limit: LimitOption = None,
    device: DeviceOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Estimate the noise of the training tags, without clean labels."""
    flags = {"seed": seed, "prepare.limit": limit, "device": device}
    from stages.opening import open_experiment
    from stages.order import ensure_data
    from stages.probe import probe

    experiment = open_experiment(config, run, set_, flags, force=force, quiet=quiet)
    ensure_data(experiment)
    probe(experiment)
    experiment.reporter.next_command(f"pipeline teach --run {experiment.folder} --q auto")


@app.command("teach")
@one_line_errors
def teach_command(
    config: ConfigOption = None,
    run: RunOption = None,
    name: Annotated[str, typer.Option(help="The stage's name.")] = "teacher",
    q: QOption = None,
    smoothing: SmoothingOption = None,
    correction: CorrectionOption = None,
    encoder: Annotated[str | None, typer.Option(help="scratch, minilm-l6, a local folder, or a hub name.")] = None,
    epochs: EpochsOption = None,
    learning_rate: LearningRateOption = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    limit: LimitOption = None,
    device: DeviceOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a teacher with the smooth generalized cross-entropy."""
    flags = {"seed": seed, "prepare.limit": limit, "device": device}
    own = {
        "q": q_value(q),
        "smoothing": smoothing,
        "correction": correction,
        "encoder": encoder,
        "epochs": epochs,
        "learning_rate": learning_rate,
    }
    from stages.opening import open_experiment, remember
    from stages.order import ensure_data, teach_named

    experiment = open_experiment(config, run, set_, flags, stage=(name, "teach", own), force=force, quiet=quiet)
    ensure_data(experiment)
    teach_named(experiment, name)
    remember(experiment, name, "teach", experiment.config.teach_stage(name))
    experiment.reporter.next_command(f"pipeline distill --run {experiment.folder} --teacher {name}")


@app.command("distill")
@one_line_errors
def distill_command(
    config: ConfigOption = None,
    run: RunOption = None,
    kl: Annotated[Kl | None, typer.Option(help="The divergence from the teacher.")] = None,
    teacher: Annotated[str | None, typer.Option(help="The stage to learn from.")] = None,
    control: Annotated[bool, typer.Option("--control", help="The same student without a teacher.")] = False,
    name: Annotated[str | None, typer.Option(help="The stage's name; default: student-<kl>, or control.")] = None,
    layers: Annotated[int | None, typer.Option(help="How many of the teacher's layers to keep.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Temperature of both sides of the divergence.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Share of the loss on the noisy tags.")] = None,
    epochs: EpochsOption = None,
    learning_rate: LearningRateOption = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    limit: LimitOption = None,
    device: DeviceOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a small student on a teacher's word logits."""
    flags = {"seed": seed, "prepare.limit": limit, "device": device}
    own = {
        "kl": kl,
        "teacher": teacher,
        "control": control or None,
        "layers": layers,
        "temperature": temperature,
        "alpha": alpha,
        "epochs": epochs,
        "learning_rate": learning_rate,
    }
    from stages.opening import open_experiment, remember
    from stages.order import distill_named, ensure_data, ensure_teacher

    if name is None:
        kl_of_config = open_experiment(config, run, set_, flags, quiet=quiet).config.distill.kl
        name = "control" if control else f"student-{kl or kl_of_config}"
    experiment = open_experiment(config, run, set_, flags, stage=(name, "distill", own), force=force, quiet=quiet)
    ensure_data(experiment)
    settings = experiment.config.distill_stage(name)
    ensure_teacher(experiment, settings.teacher)
    distill_named(experiment, name)
    remember(experiment, name, "distill", settings)
    experiment.reporter.next_command(f"pipeline eval --run {experiment.folder}")


app.command("eval")(eval_command)
app.command("audit")(audit_command)
app.command("verify")(verify_command)
app.command("bench")(bench_command)


if __name__ == "__main__":
    app()
