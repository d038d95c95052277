"""The command line: flags in, one stage after another, one line out. Heavy libraries are imported inside commands.

A run remembers its config: without CONFIG, a run folder's own `config.toml` is used where there is one, else the
built-in quickstart. A stage command makes the earlier stages it needs when they are missing, and takes them as they are
when they are sealed; `pipeline run` holds every stage to the config.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from stages.experiment import Experiment

# Threads that wait for each other by spinning lose ten times and more as soon as another process wants a core; a short
# spin costs little on an idle machine. Read when torch loads its OpenMP runtime.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

app = typer.Typer(
    help="Train an NER teacher on noisy labels, distil it into a small student, and know how far to trust both.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Device(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Kl(StrEnum):
    """How a student is compared with its teacher."""

    FORWARD = "forward"
    REVERSE = "reverse"
    ALTERNATING = "alternating"
    JEFFREYS = "jeffreys"
    JENSEN_SHANNON = "jensen-shannon"
    ADAPTIVE = "adaptive"


class NoiseKind(StrEnum):
    """What is done to the training tags."""

    NONE = "none"
    UNIFORM = "uniform"
    WITHIN_ENTITIES = "within-entities"
    PAIR = "pair"
    SPAN = "span"
    FILE = "file"


ConfigArgument = Annotated[
    str | None, typer.Argument(help="A TOML file or a built-in's name: quickstart, conll2003, conll2003-cpu, smoke.")
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="A TOML file or a built-in's name; default: the run's own, or quickstart."),
]
RunOption = Annotated[Path | None, typer.Option("--run", help="The run's folder; default: runs/<config name>.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override any key: table.key=value. Repeatable.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed of noise, weights and order.")]
LimitOption = Annotated[int | None, typer.Option(help="Keep the first N sentences of every split.")]
DeviceOption = Annotated[Device | None, typer.Option(help="Where to compute.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Make it again even if it is sealed.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but results and errors.")]
QOption = Annotated[float | None, typer.Option(help="q of SGCE: 0 is cross-entropy, 1 is mean absolute error.")]
SmoothingOption = Annotated[float | None, typer.Option(help="Label smoothing s, spread over all labels.")]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the training words.")]
LearningRateOption = Annotated[float | None, typer.Option(help="Largest learning rate.")]


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """A user's mistake becomes one line on standard error and exit status 1."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except PipelineError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            typer.echo("stopped; the same command goes on from the last checkpoint", err=True)
            raise typer.Exit(130) from None

    return wrapped


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
    experiment = _experiment(config, run, set_, flags, force=force, quiet=quiet, remember=True)
    _run_all(experiment)
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
    experiment = _experiment(config, run, set_, flags, force=force, quiet=quiet)
    from stages.prepare import prepare

    prepare(experiment)
    experiment.reporter.next_command(f"pipeline teach --run {experiment.folder}")


@app.command("teach")
@one_line_errors
def teach_command(
    config: ConfigOption = None,
    run: RunOption = None,
    name: Annotated[str, typer.Option(help="The stage's name.")] = "teacher",
    q: QOption = None,
    smoothing: SmoothingOption = None,
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
    own = {"q": q, "smoothing": smoothing, "encoder": encoder, "epochs": epochs, "learning_rate": learning_rate}
    experiment = _experiment(config, run, set_, flags, stage=(name, "teach", own), force=force, quiet=quiet)
    from stages.teach import teach

    _ensure_data(experiment)
    teach(experiment, name, experiment.config.teach_stage(name))
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
    if name is None:
        kl_of_config = _experiment(config, run, set_, flags, quiet=quiet).config.distill.kl
        name = "control" if control else f"student-{kl or kl_of_config}"
    experiment = _experiment(config, run, set_, flags, stage=(name, "distill", own), force=force, quiet=quiet)
    from stages.distill import distill

    _ensure_data(experiment)
    settings = experiment.config.distill_stage(name)
    _ensure_teacher(experiment, settings.teacher)
    distill(experiment, name, settings)
    experiment.reporter.next_command(f"pipeline eval --run {experiment.folder}")


@app.command("eval")
@one_line_errors
def eval_command(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages to compare; default: every model of the run.")
    ] = None,
    config: ConfigOption = None,
    run: RunOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print metrics.json, alone, on standard output.")] = False,
    set_: SetOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the stages: table, metrics.json, report.html."""
    experiment = _experiment(config, run, set_, {}, force=force, quiet=quiet, to_stderr=json_)
    from pipeline.run import stages as sealed_stages
    from stages.evaluate import evaluate

    if not any(stage.kind != "prepare" for stage in sealed_stages(experiment.folder)):
        _run_models(experiment)
    records = evaluate(experiment, stages or ())
    if json_:
        json.dump(records, sys.stdout, indent=1)
        sys.stdout.write("\n")
    experiment.reporter.say(f"next: open {experiment.folder / 'report.html'}")


def _experiment(
    config: str | None,
    run: Path | None,
    overrides: list[str] | None,
    flags: Mapping[str, Any],
    *,
    stage: tuple[str, str, Mapping[str, Any]] | None = None,
    force: bool = False,
    quiet: bool = False,
    to_stderr: bool = False,
    remember: bool = False,
) -> Experiment:
    """The run that a command works on; a new one writes its config down, `remember` does so in any case."""
    from pipeline import config_file
    from pipeline.console import Reporter
    from pipeline.files import write_text
    from stages.experiment import Experiment

    folder = run or Path("runs") / config_file.experiment_name(config or config_file.DEFAULT)
    own = folder / "config.toml"
    source = config or (str(own) if own.is_file() else config_file.DEFAULT)
    plain = {key: str(value) if isinstance(value, StrEnum) else value for key, value in flags.items()}
    whole = settings = config_file.load(source, overrides or (), plain)
    if stage is not None:
        name, command, values = stage
        entry = {f"stages.{name}.{key}": str(v) if isinstance(v, StrEnum) else v for key, v in values.items()}
        settings = config_file.load(source, overrides or (), {**plain, f"stages.{name}.command": command, **entry})
    folder.mkdir(parents=True, exist_ok=True)
    if remember or not own.is_file():
        write_text(own, config_file.dumps(whole))
    return Experiment(folder, settings, Reporter(quiet=quiet, to_stderr=to_stderr), force)


def _run_all(experiment: Experiment) -> None:
    from stages.evaluate import evaluate

    _run_models(experiment)
    evaluate(experiment)


def _run_models(experiment: Experiment) -> None:
    """Every stage of the config up to evaluation."""
    from pipeline.config import TeachStage
    from stages.distill import distill
    from stages.prepare import prepare
    from stages.teach import teach

    prepare(experiment)
    for name, stage in experiment.config.stages.items():
        if isinstance(stage, TeachStage):
            teach(experiment, name, experiment.config.teach_stage(name))
        else:
            distill(experiment, name, experiment.config.distill_stage(name))


def _ensure_data(experiment: Experiment) -> None:
    from pipeline.run import find
    from stages.experiment import DATA
    from stages.prepare import prepare

    if find(experiment.folder, DATA) is None:
        prepare(dataclasses.replace(experiment, force=False))


def _ensure_teacher(experiment: Experiment, name: str) -> None:
    from pipeline.run import find
    from stages.teach import teach

    if find(experiment.folder, name) is None:
        teach(dataclasses.replace(experiment, force=False), name, experiment.config.teach_stage(name))


if __name__ == "__main__":
    app()
