"""What pins the files of a run: manifests as they were sealed, and the command that makes a stage again.

A manifest pins the outputs and the parents of its stage. What pins the manifest itself are the manifests of its
children; and, for a stage without any, the hash of its settings among what it was made with.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from pipeline import config_file, run
from pipeline.errors import PipelineError
from pipeline.files import file_sha256, json_sha256

SETTINGS_SHA256 = "settings_sha256"  # in `made_with`
BY_NAME = {"data": "prepare", "probe": "probe", "audit": "audit", "corrected": "audit --apply"}
GEOMETRY = "geometry-"

# What evaluation writes beside the stages, and what says what those files were made from.
DERIVED = ("metrics", "differences", "per_type", "reliability", "confusion", "law", "gradients", "geometry")
INDEX = "evaluation.json"


def find(folder: Path, name: str) -> run.Stage | None:
    """The sealed stage of that name, or None.

    Raises:
        PipelineError: its manifest is not readable, or not as it was sealed.
    """
    try:
        stage = run.find(folder, name)
    except PipelineError as error:
        raise PipelineError(f"{error}; the command is `{remake_command(folder, name)}`") from error
    return stage and check(stage)


def stages(folder: Path) -> list[run.Stage]:
    """Every sealed stage of a run, in the order in which they were sealed.

    Raises:
        PipelineError: a manifest is not readable, or not as it was sealed.
    """
    return run.stages(folder, find)


def check(stage: run.Stage) -> run.Stage:
    """The stage itself, if its settings are those that were sealed (runs of older versions do not say).

    Raises:
        PipelineError: they are not.
    """
    recorded = stage.made_with.get(SETTINGS_SHA256)
    if recorded is not None and recorded != json_sha256(stage.settings):
        raise PipelineError(
            f"{stage.folder / run.MANIFEST}: changed since it was sealed; make the stage again with "
            f"`{remake_command(stage.folder.parent, stage.name)}`"
        )
    return stage


def parents(stage: run.Stage) -> dict[str, dict[str, str]]:
    """The stages of the run that a stage was made from, by their roles; the folder of a data set is none of them."""
    inputs = {} if stage.kind == "prepare" else stage.made_from["inputs"]
    return {role: reference for role, reference in inputs.items() if "folder" in reference}


def model_folder(stage: run.Stage) -> Path:
    """The `model/` of a stage, after checking its files against the manifest, and that there are no others.

    The library that loads it reads whatever it knows by name: an `added_tokens.json` put there would change the model.

    Raises:
        PipelineError: a file is missing, has changed, or is not of the stage.
    """
    folder = stage.path("model")
    if added := [path for path in unlisted(stage, folder) if not path.name.startswith(".")]:  # a file manager's
        raise PipelineError(f"{added[0]}: expected only what `pipeline {stage.command}` sealed; move this file away")
    return folder


def unlisted(stage: run.Stage, within: Path) -> list[Path]:
    """The files and links in a folder of a stage that its manifest does not name, in the order of their names."""
    known = {stage.folder / run.MANIFEST, *(stage.folder / file for file in stage.made_from["outputs"])}
    return sorted(path for path in within.rglob("*") if (path.is_symlink() or not path.is_dir()) and path not in known)


def remake_command(folder: Path, name: str) -> str:
    """The command that makes a stage again of which only the name is known: its manifest cannot be trusted."""
    if name in BY_NAME:
        command = [*BY_NAME[name].split(), "--force"]
    elif name.startswith(GEOMETRY):
        command = ["eval", "--geometry", "--force"]
    elif stage := models_of_config(folder).get(name):
        command = [stage, "--name", name, "--force"]
    else:
        command = ["run"]
    return shlex.join(["pipeline", command[0], "--run", str(folder), *command[1:]])


def models_of_config(folder: Path) -> dict[str, str]:
    """The models that a run's config names, in order, with the commands that make them; none if it cannot be read."""
    try:
        config = config_file.load(str(folder / "config.toml"))
    except PipelineError:
        return {}
    return {name: stage.command for name, stage in config.stages.items()}


def changed_outputs(stage: run.Stage) -> dict[str, str]:
    """What is wrong with which output of a stage, by its path in the folder."""
    wrong = {}
    for file, sha256 in stage.made_from["outputs"].items():
        path = stage.folder / file
        if Path(file).is_absolute() or ".." in Path(file).parts:
            wrong[file] = "not a path within the stage"
        elif not path.is_file():
            wrong[file] = "missing"
        elif _sha256(path) != sha256:
            wrong[file] = "changed since it was sealed"
    return wrong


def _sha256(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:  # what a disk says that has lost a block
        return None
