"""The page of a report: one self-contained HTML file and PNGs beside it, made from the files of a run's folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files import replacing, write_text
from pipeline.report import formatting as f
from pipeline.report import panels, tables
from pipeline.report.gallery import Gallery, Plate
from pipeline.report.reading import Run
from pipeline.report.summary import caveats, summary
from pipeline.report.templates import render


def write_report(run_folder: Path) -> Path:
    """Make a run's report: `report.html`, which needs nothing but itself, and its figures as PNGs in `figures/`.

    Only the JSON files of the folder are read, and the same files give the same bytes. Every file is replaced whole;
    the page comes last.

    Args:
        run_folder: the folder of a run that `pipeline eval` has scored.

    Returns:
        The path of the page.

    Raises:
        PipelineError: `metrics.json` is missing, a file is not the JSON it should be, or `figures` leads elsewhere.
    """
    run = Run.load(run_folder)
    gallery = Gallery(run)
    with panels.style():
        content = _content(run, gallery)
    page = render("template.html.j2", run=run, **content)
    folder = run_folder / "figures"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise PipelineError(f"{folder}: expected a folder of the run, found a link or a file; remove it")
    folder.mkdir(exist_ok=True)
    for name, image in gallery.files.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(image)
    path = run_folder / "report.html"
    write_text(path, page)
    return path


def _content(run: Run, gallery: Gallery) -> dict[str, Any]:
    """Everything the template shows, figures drawn."""
    split = run.split
    others = [s for s in dict.fromkeys(r["split"] for r in run.metrics) if s != split]
    confusions = [(r, tables.confusion(r)) for r in run.confusion if r["split"] == split]
    gallery.matrices(
        f"confusion-{split}", f"Percent predicted, {split}", [(record["stage"], table) for record, table in confusions]
    )
    return {
        "summary": summary(run),
        "caveats": caveats(run),
        "overview": gallery.overview(),
        "results": tables.results(run, split),
        "other_results": [(s, tables.results(run, s)) for s in others],
        "differences": tables.differences(run, split),
        "other_differences": [
            table
            for s, scaled in [(split, True), *((s, False) for s in others)]
            if (table := tables.differences(run, s, scaled=scaled)).rows
        ],
        "reliability": _plates(gallery, [(split, unit, False) for unit in ("word", "entity-word")]),
        "other_reliability": [
            (title, plates)
            for title, wanted in (
                ("After temperature scaling", [(split, unit, True) for unit in ("word", "entity-word")]),
                ("Spans", [(split, "span", False)]),
                *((f"On {s}", [(s, unit, False) for unit in ("word", "entity-word")]) for s in others),
            )
            if (plates := _plates(gallery, wanted))
        ],
        "law": gallery.law(),
        "law_numbers": tables.law(run),
        "losses": gallery.losses(),
        "gradients": gallery.gradients(),
        "geometry": gallery.geometry(),
        "geometry_numbers": tables.geometry(run),
        "noise": _noise(run, gallery),
        "confusions": [table for _, table in confusions],
        "types": tables.type_scores(run),
        "type_details": tables.type_details(run),
        "splits": tables.splits(run),
        "label_counts": tables.label_counts(run),
        "makings": tables.makings(run),
        "commands": [text for m in run.manifests.values() if (text := _command(m.get("made_with", {}).get("command")))],
        "versions": _versions(run),
    }


def _plates(gallery: Gallery, wanted: list[tuple[str, str, bool]]) -> list[Plate]:
    drawn = [gallery.reliability(split, unit, scaled=scaled) for split, unit, scaled in wanted]
    return [plate for plate in drawn if plate]


def _noise(run: Run, gallery: Gallery) -> tables.Table | None:
    shares = run.data.get("noise", {}).get("matrix")
    if not shares:
        return None
    caption = "From gold to training tags: the share of a gold label's words (row) that carry each tag (column)."
    table = tables.matrix(caption, "Gold", run.data["labels"], shares, f.two)
    gallery.matrices("noise", "From gold to tags", [("train", table)])
    return table


def _command(command: str | list[str] | None) -> str:
    return shlex.join(command) if isinstance(command, list) else command or ""


def _versions(run: Run) -> list[tuple[str, str]]:
    """(stages, versions) for every distinct set of versions."""
    groups: dict[str, list[str]] = {}
    for stage, manifest in run.manifests.items():
        versions = manifest.get("made_with", {}).get("versions") or {}
        if text := ", ".join(f"{name} {version}" for name, version in versions.items()):
            groups.setdefault(text, []).append(stage)
    everyone = len(groups) == 1
    return [("all stages" if everyone else ", ".join(stages), text) for text, stages in groups.items()]
