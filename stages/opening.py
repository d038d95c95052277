"""Which run, and which experiment, a command works on; and how a run remembers what it was told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.config_file import DEFAULT, dumps, experiment_name, load
from pipeline.config_tables import NAME, Training
from pipeline.console import Reporter
from pipeline.errors import PipelineError
from pipeline.files import locked, write_text
from stages.experiment import Experiment


def open_experiment(
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
    name = experiment_name(DEFAULT if config is None else config)
    if run is None and config and name in ("", ".", ".."):  # a file may be called "...toml"
        raise PipelineError(
            f"config: expected a file whose name can name a run, too, found {config!r:.80}; rename it, or pass --run"
        )
    folder = run or Path("runs") / name
    if stage is not None and not re.fullmatch(NAME, stage[0]):
        raise PipelineError(
            f"--name: expected letters, digits, - and _, beginning with one of the former, found {stage[0]!r:.80}; "
            "choose another"
        )
    _check_folder(folder)
    own = folder / "config.toml"
    source = config if config is not None else str(own) if own.is_file() else DEFAULT
    plain = {key: str(value) if isinstance(value, StrEnum) else value for key, value in flags.items()}
    settings = load(source, overrides or (), plain)
    if stage is not None:
        name, command, values = stage
        entry = {f"stages.{name}.{key}": str(v) if isinstance(v, StrEnum) else v for key, v in values.items()}
        settings = load(source, overrides or (), {**plain, f"stages.{name}.command": command, **entry})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if remember or not own.is_file():
            with locked(folder):
                if remember or not own.is_file():  # another command may have begun this run meanwhile
                    write_text(own, dumps(load(source, overrides or (), plain)))
    except OSError as error:
        raise PipelineError(
            f"--run {folder}: expected a folder to write to, found: {error.strerror}; choose another"
        ) from error
    return Experiment(folder, settings, Reporter(quiet=quiet, to_stderr=to_stderr), force)


def _check_folder(folder: Path) -> None:
    """Refuse what cannot be a run's folder before anything is read or made."""
    found = None
    try:
        str(folder).encode()  # manifests and the report name it in UTF-8
        if folder.exists() and not folder.is_dir():
            found = "a file"
    except UnicodeEncodeError:
        found = "a name that is not UTF-8"
    except OSError as error:
        found = error.strerror
    if found:
        raise PipelineError(f"--run {folder}: expected a folder, found {found}; choose another")


def remember(experiment: Experiment, name: str, command: str, settings: Training) -> None:
    """Write a stage that was made by flags into the run's config, so that `pipeline run` holds it to them."""
    own = experiment.folder / "config.toml"
    with locked(experiment.folder):
        tree = load(str(own)).model_dump(exclude_unset=True)
        table = load(str(own)).model_dump()[command]
        differing = {key: value for key, value in settings.model_dump(exclude_none=True).items() if value != table[key]}
        stages = {**tree.get("stages", {}), name: {"command": command, **differing}}
        write_text(own, dumps(Config.model_validate({**tree, "stages": stages})))


def remember_table(experiment: Experiment, table: str) -> None:
    """Write a table that flags have changed into the run's config, so that the same command needs them no more."""
    own = experiment.folder / "config.toml"
    with locked(experiment.folder):
        tree = load(str(own)).model_dump(exclude_unset=True)
        settings = getattr(experiment.config, table).model_dump()
        write_text(own, dumps(Config.model_validate({**tree, table: settings})))
