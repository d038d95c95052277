"""Write the corpus again with its training tags corrected: what `pipeline audit --apply` adds to an audit.

    pipeline audit --apply

Reads `data/` and `audit/tags.jsonl`; writes `corrected/`: {train,dev,test}.jsonl and labels.json in the format of
`data/`, which `pipeline prepare` reads with `prepare.source = "jsonl"`. The training tags are the most probable valid
ones (`suspects.best_tags`); dev, test and gold stay as they are.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import numpy as np

from pipeline import run
from pipeline.corpus import Corpus
from stages.experiment import AUDIT, CORRECTED, DATA, Experiment, load_corpora


def correct(experiment: Experiment) -> run.Stage:
    """Make `corrected/`, or find it up to date."""
    data = experiment.sealed(DATA, "prepare")
    audit = experiment.sealed(AUDIT, "audit")
    made_from: dict[str, Any] = {
        "kind": "correct",
        "config": {},
        "seed": experiment.config.seed,
        "inputs": {"data": data.as_input(), "audit": audit.as_input()},
    }
    if sealed := experiment.up_to_date(CORRECTED, made_from):
        return sealed

    with experiment.making(CORRECTED, made_from) as (folder, _):
        corpora = load_corpora(data)
        corpora["train"] = _with_corrected_tags(corpora["train"], audit)
        for split, corpus in corpora.items():
            corpus.save(folder / f"{split}.jsonl")
        (folder / "labels.json").write_text(json.dumps(corpora["train"].labels) + "\n", encoding="utf-8")
    summary = json.loads(audit.path("summary.json").read_text(encoding="utf-8"))
    experiment.reporter.say(
        f"corrected: {summary['corrected_words']:,} training tags, {summary['corrected_unlisted']:,} of them below the "
        "threshold but in the way of valid IOB2"
    )
    return experiment.sealed(CORRECTED, "correct")


def training_command(experiment: Experiment) -> str:
    """The command that makes everything of this run again, on the corrected corpus, in a run of its own."""
    settings = {
        "prepare.source": "jsonl",
        "prepare.jsonl.folder": str(experiment.folder / CORRECTED),
        "prepare.noise.kind": "file",
        "prepare.noise.rate": "0.0",
    }
    beside = experiment.folder.with_name(f"{experiment.folder.resolve().name}-corrected")
    words = ["pipeline", "run", str(experiment.folder / "config.toml"), "--run", str(beside)]
    return shlex.join([*words, *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))])


def _with_corrected_tags(train: Corpus, audit: run.Stage) -> Corpus:
    index = {label: i for i, label in enumerate(train.labels)}
    with audit.path("tags.jsonl").open(encoding="utf-8") as file:
        return train.with_tags(np.array([index[name] for line in file for name in json.loads(line)], dtype=np.int64))
