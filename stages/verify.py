"""Check a whole run: sealed folders against their manifests, the chain between them, and what was derived from them.

    pipeline verify [--run RUN]

Reads every file of the run; changes none.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import config_file, run
from pipeline.errors import PipelineError
from pipeline.files import file_sha256
from pipeline.sealing import is_held
from stages import manifests
from stages.manifests import DERIVED, INDEX

REPORT, FIGURES, CONFIG = "report.html", "figures", "config.toml"
UNFINISHED = ".partial"
COLUMNS = ("stage", "kind", "files", "MB", "found")


@dataclass(frozen=True)
class Fault:
    """Something in a run that is not as it was made.

    Args:
        path: the file or folder, within the run.
        found: what is wrong with it.
        command: what to type to have it right again.
    """

    path: str
    found: str
    command: str


@dataclass(frozen=True)
class Checked:
    """A folder or a group of files that was checked: its kind, how much it holds, and its faults."""

    name: str
    kind: str
    files: int
    bytes: int
    faults: Sequence[Fault]

    @property
    def row(self) -> list[str]:
        """Cells under `COLUMNS`."""
        state = f"{len(self.faults)} wrong" if self.faults else "as sealed"
        return [self.name, self.kind, f"{self.files:,}", f"{self.bytes / 1e6:,.1f}", state]


def verify(folder: Path) -> list[Checked]:
    """Check every folder of a run, then what evaluation derived from them.

    Raises:
        PipelineError: there is no such run.
    """
    if not folder.is_dir():
        raise PipelineError(f"--run {folder}: expected the folder of a run, found none; name another")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != FIGURES)
    sealed = {name: stage for name in names if (stage := _sealed(folder, name))}
    usual = ["data", "probe", *manifests.models_of_config(folder)]
    names.sort(key=lambda name: usual.index(name) if name in usual else len(usual))
    order = sorted(names, key=lambda name: _finished(sealed.get(name)))
    checked = [_folder(folder, name, sealed) for name in order]
    derived = _derived(folder, sealed)
    return [*checked, derived] if derived.files or derived.faults else checked


def as_json(folder: Path, checked: Sequence[Checked]) -> dict[str, Any]:
    """What `--json` prints."""
    return {"run": folder.resolve().name, "checked": [asdict(one) for one in checked]}


def _sealed(folder: Path, name: str) -> run.Stage | None:
    try:
        return run.find(folder, name) if (folder / name / run.MANIFEST).is_file() else None
    except PipelineError:  # which `_folder` tells
        return None


def _finished(stage: run.Stage | None) -> str:
    """When a stage was sealed, so that parents are mended before children; what is no stage comes first."""
    return str(stage.made_with.get("finished", "")) if stage else ""


def _folder(folder: Path, name: str, sealed: dict[str, run.Stage]) -> Checked:
    held = [path for path in (folder / name).rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in held)
    stage = sealed.get(name)
    if stage is not None:
        return Checked(name, stage.kind, len(held), size, list(_faults(folder, stage, sealed)))
    return Checked(name, "–", len(held), size, [fault] if (fault := _no_stage(folder, name)) else [])


def _no_stage(folder: Path, name: str) -> Fault | None:
    """What a folder without a readable manifest is, unless a living process is making it."""
    remove = shlex.join(["rm", "-r", str(folder / name)])
    if name.endswith(UNFINISHED):
        if is_held(folder / name):
            return None
        return Fault(name, "left by a process that ended before the seal; its command, typed again, goes on", remove)
    if name.endswith(".replaced"):
        return Fault(name, "left by a process that ended while it replaced a stage", remove)
    command = manifests.remake_command(folder, name)
    if (folder / name / run.MANIFEST).is_file():
        return Fault(f"{name}/{run.MANIFEST}", "not the manifest of a sealed stage", command)
    return Fault(name, f"a folder without {run.MANIFEST}, so no stage", remove)


def _faults(folder: Path, stage: run.Stage, sealed: dict[str, run.Stage]) -> Iterator[Fault]:
    """The manifest, the files, and the parents of a sealed stage."""
    try:
        manifests.check(stage)
    except PipelineError:  # its kind, too, may be what has changed
        again = manifests.remake_command(folder, stage.name)
        yield Fault(f"{stage.name}/{run.MANIFEST}", "changed since it was sealed", again)
        return
    again = run.remake_command(stage)
    for file, found in manifests.changed_outputs(stage).items():
        yield Fault(f"{stage.name}/{file}", found, again)
    for path in manifests.unlisted(stage, stage.folder):
        yield Fault(path.relative_to(folder).as_posix(), "not in the manifest", shlex.join(["rm", str(path)]))
    for role, reference in manifests.parents(stage).items():
        if found := _other(reference, sealed):
            yield Fault(stage.name, f"its {role}, {reference['folder']}, {found}", again)


def _other(reference: dict[str, str], sealed: dict[str, run.Stage]) -> str:
    """What is wrong with a stage that something was made from; nothing if it is the one that stands there."""
    parent = sealed.get(reference["folder"])
    if parent is None:
        return "is missing"
    return "" if parent.sha256 == reference["sha256"] else "is not the one it was made from"


def _derived(folder: Path, sealed: dict[str, run.Stage]) -> Checked:
    """The config, and what evaluation wrote beside the stages, against its index."""
    files = [path for path in folder.iterdir() if path.is_file()]
    size, again = sum(path.stat().st_size for path in files), shlex.join(["pipeline", "eval", "--run", str(folder)])
    faults = [
        Fault(path.name, "left by a process that ended while it wrote", shlex.join(["rm", str(path)]))
        for path in sorted(files)
        if path.suffix == ".tmp"
    ]
    try:
        config_file.load(str(folder / CONFIG))
    except PipelineError as error:
        faults.append(Fault(CONFIG, str(error), shlex.join(["pipeline", "run", "CONFIG", "--run", str(folder)])))
    written = {path.name for path in files} & {REPORT, INDEX, *(f"{name}.json" for name in DERIVED)}
    faults += [Fault(name, found, again) for name, found in _against_index(folder, sealed)] if written else []
    return Checked("(derived)", "eval", len(files), size, faults)


def _against_index(folder: Path, sealed: dict[str, run.Stage]) -> Iterator[tuple[str, str]]:
    """Which derived file is not what evaluation wrote, and which stage is not the one that it read."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        made_from, outputs = index["made_from"], dict(index["outputs"])
        read = [*made_from["stages"], *made_from["geometry"].values(), *filter(None, [made_from["probe"]])]
        references = [(reference["folder"], _other(reference, sealed)) for reference in read]
    except FileNotFoundError:
        yield INDEX, "missing, so nothing says what the files beside it were made from"
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield INDEX, f"not what evaluation writes ({type(error).__name__})"
        return
    for name, found in references:
        if found:
            yield INDEX, f"{name}, which it was made from, {found.replace('it was made from', 'it read')}"
    for file in (REPORT, *(f"{name}.json" for name in DERIVED)):
        path = folder / file
        if not path.is_file():
            yield file, "missing"
        elif file_sha256(path) != outputs.get(file):
            yield file, "changed since it was written"
