"""What every stage is handed: the run's folder, its config, and the person to report to; and what stages share."""

from __future__ import annotations

import json
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import run
from pipeline.config import Config
from pipeline.console import Reporter
from pipeline.corpus import SPLITS, Corpus
from pipeline.errors import PipelineError
from pipeline.files import hashes, json_sha256
from pipeline.noise_estimate import NoiseEstimate
from stages import manifests

DATA, AUDIT, CORRECTED = "data", "audit", "corrected"
PROBE = "probe"
MODEL_KINDS = ("teach", "distill")  # the kinds of stages that hold a model
PACKAGES = ("torch", "transformers", "datasets", "accelerate", "safetensors", "tokenizers", "numpy")


@dataclass(frozen=True)
class Experiment:
    """One run: where its stages are, how they are to be made, and who is told.

    Args:
        folder: the run's folder.
        config: the experiment.
        reporter: where lines and progress go.
        force: make the asked-for stage even if it is sealed.
    """

    folder: Path
    config: Config
    reporter: Reporter
    force: bool = False
    started: float = field(default_factory=time.monotonic)

    def sealed(self, name: str, *kinds: str) -> run.Stage:
        """A stage that another one reads.

        Raises:
            PipelineError: there is no such stage, it is of another kind, its manifest is not as it was sealed, or what
                it was made from has changed since.
        """
        stage = manifests.find(self.folder, name)
        if stage is None:
            raise PipelineError(
                f"{self.folder / name}: expected a sealed stage, found none; make it with `pipeline run`"
            )
        if stage.kind not in kinds:
            raise PipelineError(
                f"{stage.folder}: expected a stage made by {' or '.join(kinds)}, found {stage.kind}; name another"
            )
        for role, reference in manifests.parents(stage).items():
            current = manifests.find(self.folder, reference["folder"])
            if current is None or current.sha256 != reference["sha256"]:
                raise PipelineError(
                    f"{stage.folder}: its {role} ({reference['folder']}) was made again since; make it again too with "
                    f"`{run.remake_command(stage)}`"
                )
        return stage

    def up_to_date(self, name: str, made_from: Mapping[str, Any]) -> run.Stage | None:
        """The sealed stage if there is nothing to do, which is said; see `pipeline.run.up_to_date`."""
        if not self.force:
            manifests.find(self.folder, name)
        sealed = run.up_to_date(self.folder, name, made_from, force=self.force)
        if sealed is not None:
            self.reporter.up_to_date(name)
        return sealed

    @contextmanager
    def making(self, name: str, made_from: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Make and seal one stage; yields its working folder and the record of what it was made with."""
        for place in (self.folder / name, self.folder / f"{name}.partial"):
            if place.is_symlink():
                raise PipelineError(f"{place}: expected a folder of the run, found a link to elsewhere; remove it")
        began = time.monotonic()
        made_with: dict[str, Any] = {
            "command": shlex.join(["pipeline", *(_without_folders(a) for a in sys.argv[1:])]),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "commit": _commit(),
            "code": code_sha256(),
        }
        with run.making(self.folder, name, made_from, made_with, force=self.force) as folder:
            yield folder, made_with
            made_with["seconds"] = round(time.monotonic() - began, 2)
            made_with["finished"] = datetime.now(UTC).isoformat(timespec="milliseconds")
            made_with[manifests.SETTINGS_SHA256] = json_sha256(made_from)
        self.reporter.say(f"{name}: sealed in {made_with['seconds']:.0f} s · {self.folder / name}")


def load_corpora(data: run.Stage) -> dict[str, Corpus]:
    """The splits of a prepared corpus, checked against its manifest."""
    labels = json.loads(data.path("labels.json").read_text(encoding="utf-8"))
    return {split: Corpus.load(data.path(f"{split}.jsonl"), labels) for split in SPLITS}


def load_estimate(probe: run.Stage) -> NoiseEstimate:
    """The noise as a sealed probe estimated it."""
    found = json.loads(probe.path("estimate.json").read_text(encoding="utf-8"))
    return NoiseEstimate(
        np.array(found["transition"]), np.array(found["prior"]), found["accuracy"], np.array(found["anchors"])
    )


def write_log(path: Path, records: list[dict[str, float]]) -> None:
    """Write a training log, one JSON object a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def _without_folders(argument: str) -> str:
    """An argument whose absolute path, if it is or ends in one, is cut to its last part."""
    return re.sub(r"(^|=)[\"']?/.*/([^/]*)$", r"\1\2", argument)


def code_sha256() -> str:
    """What the sources of the stages and of what they are made of hash to; those that draw pages change no model."""
    root = Path(__file__).resolve().parent.parent
    sources = (path for folder in ("pipeline", "stages") for path in (root / folder).glob("*.py"))
    return json_sha256(hashes(root, sources))


def _commit() -> str | None:
    """The commit of this project's own checkout, where it runs from one."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return None
    return done.stdout.strip() or None
