"""The flags that commands share, each described once; and how a command tells a mistake."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.console import printable
from pipeline.errors import PipelineError
from pipeline.interruption import interruptible
from pipeline.troubles import KEPT, explain


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


class Peer(StrEnum):
    """What people use instead."""

    TRAINER = "trainer"


class Correction(StrEnum):
    """By which transition matrix cross-entropy is corrected."""

    NONE = "none"
    ESTIMATED = "estimated"
    KNOWN = "known"


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
QOption = Annotated[
    str | None,
    typer.Option(help="q of SGCE: 0 is cross-entropy, 1 is mean absolute error; auto: from the noise, estimated."),
]
SmoothingOption = Annotated[float | None, typer.Option(help="Label smoothing s, spread over all labels.")]
CorrectionOption = Annotated[
    Correction | None, typer.Option(help="Forward-correct cross-entropy by the noise, as estimated or as it is.")
]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the training words.")]
LearningRateOption = Annotated[float | None, typer.Option(help="Largest learning rate.")]


def q_value(text: str | None) -> float | str | None:
    """What was typed after --q: a number, or a word for the config to judge."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """A user's mistake, or what the machine lacks, becomes one line on standard error and exit status 1.

    Ctrl-C and SIGTERM become one line and 130 or 143.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with interruptible():
                command(*args, **kwargs)
        except PipelineError as error:
            typer.echo(f"error: {printable(str(error))}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as stop:
            typer.echo(f"stopped; {KEPT}, and the same command goes on from there", err=True)
            raise typer.Exit(128 + getattr(stop, "number", signal.SIGINT)) from None
        except Exception as error:
            line = explain(error)
            if line is None:
                raise
            typer.echo(f"error: {line}", err=True)
            raise typer.Exit(1) from error

    return wrapped
