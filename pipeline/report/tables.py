"""The tables of a report, as text: the page only lays them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.report import formatting as f
from pipeline.report.reading import Record, Run


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a smaller line under it, whether it stands out, and how deep it is shaded, in [0, 1]."""

    text: str
    note: str = ""
    strong: bool = False
    shade: float | None = None


@dataclass(frozen=True)
class Row:
    """A row under its header; `minor` rows are set back, `mark` names the role whose colour it carries."""

    head: str
    cells: Sequence[Cell]
    note: str = ""
    minor: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Args:
        caption: what it shows and how to read it.
        corner: what the row headers are.
        columns: the column headers.
        rows: one cell per column each.
        groups: headers above the columns with how many columns each spans; none for no such line.
        matrix: a square of shares rather than columns of numbers.
    """

    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[Row]
    groups: Sequence[tuple[str, int]] = ()
    matrix: bool = False


@dataclass(frozen=True)
class Column:
    """One metric of one unit in a table of stages; `scales` says that a temperature changes it."""

    group: str
    unit: str
    metric: str
    head: str
    show: Callable[[float | None], str]
    scales: bool = True
    interval: bool = False


RESULTS = (
    Column("Entities", "word", "f1", "F1", f.percent, scales=False, interval=True),
    Column("Entities", "word", "f1_strict", "Strict F1", f.percent, scales=False),
    Column("Words", "word", "ece", "ECE", f.three, interval=True),
    Column("Words", "word", "mce", "MCE", f.three),
    Column("Words", "word", "mce30", "MCE≥30", f.three),
    Column("Words", "word", "nll", "NLL", f.three),
    Column("Words", "word", "confidence", "Confidence", f.three),
    Column("Words", "word", "accuracy", "Accuracy", f.three, scales=False),
    Column("Entity words", "entity-word", "ece", "ECE", f.three, interval=True),
    Column("Spans", "span", "ece", "ECE", f.three),
    Column("Cost", "word", "parameters", "Parameters", f.compact, scales=False),
    Column("Cost", "word", "megabytes", "MB", f.count, scales=False),
    Column("Cost", "word", "words_per_second", "Words/s", f.count, scales=False),
)
DIFFERENCES = (
    Column("Entities", "word", "f1", "F1", f.signed_percent, interval=True),
    Column("Entities", "word", "f1_strict", "Strict F1", f.signed_percent, interval=True),
    Column("Words", "word", "ece", "ECE", f.signed_three, interval=True),
    Column("Words", "word", "nll", "NLL", f.signed_three, interval=True),
    Column("Words", "word", "accuracy", "Accuracy", f.signed_percent, interval=True),
    Column("Entity words", "entity-word", "ece", "ECE", f.signed_three, interval=True),
)


def results(run: Run, split: str) -> Table:
    """Every stage of one split, each followed by its temperature-scaled version where there is one."""
    columns = [
        c for c in RESULTS if any(run.score(s, c.unit, split=split).get(c.metric) is not None for s in run.stages)
    ]
    rows = []
    for stage in run.stages:
        if not run.score(stage, split=split):
            continue
        records = {c.unit: run.score(stage, c.unit, split=split) for c in columns}
        cells = [_cell(records[c.unit], c) for c in columns]
        rows.append(Row(stage, cells, run.describe(stage), mark=run.role(stage)))
        if scaled := run.score(stage, split=split, scaled=True):
            records = {c.unit: run.score(stage, c.unit, split=split, scaled=True) for c in columns}
            cells = [Cell(c.show(records[c.unit].get(c.metric)) if c.scales else "") for c in columns]
            head = f"scaled, T = {scaled['temperature']:.2f}" if scaled.get("temperature") is not None else "scaled"
            rows.append(Row(head, cells, minor=True))
    caption = (
        f"Scores on {split}. Small print is the 95\u00a0% interval. The lighter row under a stage is the same model "
        "after one temperature fitted on dev, which leaves F1, accuracy and cost as they are."
    )
    return Table(caption, "Stage", [c.head for c in columns], rows, _groups(columns))


def differences(run: Run, split: str, *, scaled: bool = False) -> Table:
    """The paired differences of one split; strong where the interval excludes zero."""
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for record in run.differences:
        if record["split"] == split and bool(record["scaled"]) == scaled:
            found.setdefault((record["stage"], record["minus"]), {})[record["unit"]] = record
    columns = [
        c for c in DIFFERENCES if any(units.get(c.unit, {}).get(c.metric) is not None for units in found.values())
    ]
    rows = [
        Row(stage, [_cell(units.get(c.unit, {}), c, signed=True) for c in columns], f"minus {minus}")
        for (stage, minus), units in found.items()
    ]
    caption = (
        f"Paired differences on {split}{', temperature-scaled' if scaled else ''}, from the same resampled sentences "
        "for both models: F1 and accuracy in points, the rest as fractions. For ECE and NLL, lower is better. "
        "Bold where the 95\u00a0% interval excludes zero."
    )
    return Table(caption, "Stage", [c.head for c in columns], rows, _groups(columns))


def type_scores(run: Run) -> Table:
    """F1 of every entity type, a column per stage."""
    by = {(r["stage"], r["type"]): r for r in run.per_type if r["split"] == run.split}
    stages = [stage for stage in run.stages if any(stage == s for s, _ in by)]
    types = list(dict.fromkeys(kind for _, kind in by))
    rows = []
    for kind in types:
        support = next((by[s, kind]["support"] for s in stages if (s, kind) in by), None)
        rows.append(
            Row(kind, [Cell(f.count(support)), *(Cell(f.percent(by.get((s, kind), {}).get("f1"))) for s in stages)])
        )
    return Table(f"F1 by entity type on {run.split}.", "Type", ["Gold entities", *stages], rows)


def type_details(run: Run) -> Table:
    """Precision, recall, F1 and counts of every stage and type."""
    rows = [
        Row(
            f"{r['stage']}, {r['type']}",
            [
                *(Cell(f.percent(r.get(metric))) for metric in ("precision", "recall", "f1")),
                *(Cell(f.count(r.get(metric))) for metric in ("support", "predicted")),
            ],
        )
        for r in run.per_type
        if r["split"] == run.split
    ]
    columns = ["Precision", "Recall", "F1", "Gold entities", "Predicted"]
    return Table(f"Precision and recall by entity type on {run.split}.", "Stage and type", columns, rows)


def confusion(record: Record) -> Table:
    """Gold × predicted labels of one stage, each row as shares of its gold words."""
    totals = [max(1, sum(row)) for row in record["counts"]]
    shares = [[n / total for n in row] for row, total in zip(record["counts"], totals, strict=True)]
    caption = (
        f"{record['stage']} on {record['split']}: percent of the gold label's words (row) by predicted label (column)."
    )
    return matrix(caption, "Gold", record["labels"], shares, lambda share: _tenth(100 * share))


def matrix(
    caption: str, corner: str, labels: Sequence[str], shares: Sequence[Sequence[float]], show: Callable[[float], str]
) -> Table:
    """A square of row shares in [0, 1]; zeros stay empty."""
    rows = [
        Row(label, [Cell(show(share) if share else "", shade=share) for share in row])
        for label, row in zip(labels, shares, strict=True)
    ]
    return Table(caption, corner, labels, rows, matrix=True)


def geometry(run: Run) -> Table:
    """How large and how tight the representations of the measured models are."""
    known = {r["stage"]: r for r in run.geometry}
    rows = []
    for stage in [stage for stage in run.stages if stage in known]:
        record = known[stage]
        words, balanced, plane = (record[part] for part in ("words", "balanced", "plane"))
        numbers = [words["norm"], words["spread"], record["template_spread"], words["within"], words["between"]]
        numbers += [part["ratio"] for part in (words, balanced, plane)]
        cells = [Cell(f.MISSING if number is None else f.two(number)) for number in numbers]
        rows.append(Row(stage, cells, run.describe(stage), mark=run.role(stage)))
    split = next((known[stage]["split"] for stage in run.stages if stage in known), "")
    caption = (
        f"The last hidden layer on {split}. Length and spread (root mean square distance from the mean) of the states, "
        "spread of the head’s weight rows; scatter within and between classes; and the ratio of the two, smaller where "
        "classes are tighter: over all words, with every class counting alike, and in the plane that is drawn."
    )
    columns = ["Length", "Spread", "Head spread", "Within", "Between", "All words", "Classes alike", "Drawn plane"]
    groups = [("Size", 3), ("Scatter", 2), ("Within / between", 3)]
    return Table(caption, "Stage", columns, rows, groups)


def law(run: Run) -> Table:
    """What the law of confidence predicts of the teachers on the headline split, beside what they do."""
    known = {(r["stage"], r["noise"]): r for r in run.law if r["split"] == run.split}
    noises = [noise for noise in ("estimated", "known") if any(noise == n for _, n in known)]
    rows = []
    for stage in [stage for stage in run.stages if any(stage == s for s, _ in known)]:
        record = run.score(stage)
        numbers = [record.get(metric) for metric in ("accuracy", "confidence", "ece")]
        numbers += [known.get((stage, noise), {}).get(metric) for noise in noises for metric in ("confidence", "ece")]
        rows.append(Row(stage, [Cell(f.three(n)) for n in numbers], run.describe(stage), mark=run.role(stage)))
    caption = (
        f"Measured on {run.split}, and predicted from the last q, the smoothing and the noise of the training tags, as "
        "the probe estimated it without gold and as gold shows it to be; the ECE, for the measured accuracy."
    )
    columns = ["Accuracy", "Confidence", "ECE"] + ["Confidence", "ECE"] * len(noises)
    groups = [("Measured", 3), *((f"Predicted, {noise} noise", 2) for noise in noises)]
    return Table(caption, "Stage", columns, rows, groups)


def splits(run: Run) -> Table:
    """How large each split is and what it holds."""
    parts: dict[str, Record] = run.data.get("splits", {})
    types = list(dict.fromkeys(kind for part in parts.values() for kind in part.get("entities") or {}))
    sizes = {"sentences": "Sentences", "words": "Words", "documents": "Documents"}
    extra = {"duplicates": "Duplicates", "overlap_with_train": "Also in train"}
    rows = []
    for name, part in parts.items():
        counts = [part.get(key) for key in (*sizes, *extra)]
        counts += [(part.get("entities") or {}).get(kind, 0) for kind in types]
        rows.append(Row(name, [Cell(f.count(n)) for n in counts]))
    groups = [("Size", len(sizes)), ("Repeated sentences", len(extra)), *([("Entities", len(types))] if types else [])]
    return Table("The three splits.", "Split", [*sizes.values(), *extra.values(), *types], rows, groups)


def label_counts(run: Run) -> Table:
    """Words per label and split."""
    parts: dict[str, Record] = run.data.get("splits", {})
    labels = run.data.get("labels") or []
    rows = [Row(x, [Cell(f.count((part.get("labels") or {}).get(x, 0))) for part in parts.values()]) for x in labels]
    return Table("Words per label.", "Label", list(parts), rows)


def makings(run: Run) -> Table:
    """Where, when and from what each stage was made."""
    rows = []
    for stage, manifest in run.manifests.items():
        made_from, made_with = manifest.get("made_from", {}), manifest.get("made_with", {})
        texts = [f.duration(made_with.get("seconds"))]
        texts += [str(made_with.get(key) or f.MISSING) for key in ("device", "precision")]
        texts += [str(made_from.get("seed", f.MISSING)), str(made_with.get("commit") or f.MISSING)[:12]]
        rows.append(Row(stage, [Cell(text) for text in texts], run.describe(stage)))
    return Table("How each stage was made.", "Stage", ["Time", "Device", "Precision", "Seed", "Commit"], rows)


def _cell(record: Record, column: Column, *, signed: bool = False) -> Cell:
    note = f.interval(record, column.metric, column.show) if column.interval else ""
    strong = signed and bool(note) and record[f"{column.metric}_low"] * record[f"{column.metric}_high"] > 0
    return Cell(column.show(record.get(column.metric)), note, strong)


def _groups(columns: Sequence[Column]) -> list[tuple[str, int]]:
    names = [c.group for c in columns]
    return [(name, names.count(name)) for name in dict.fromkeys(names)]


def _tenth(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.05 else "<0.1"
