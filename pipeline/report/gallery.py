"""Which figures a report has: panels made from a run's records, drawn for the page and for the folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from pipeline.report import figures, geometry_figures, gradient_figures, panels
from pipeline.report import formatting as f
from pipeline.report.panels import Panel
from pipeline.report.reading import Run
from pipeline.report.summary import confidence_verdict
from pipeline.report.tables import Table

UNITS = {"word": "words", "entity-word": "entity words", "span": "spans"}
KEYS = {  # the page shows these with swatches
    "overview": "Blue: teacher. Green: student. Grey: control. Rings: after temperature scaling.",
    "reliability": "Blue: accuracy. Red: gap to mean confidence. Below: share of all, log scale; dotted, mean "
    "confidence; solid, accuracy.",
    "law": "Dots: measured. Rings: predicted.",
    "losses": "Grey: training. Blue: dev.",
    "gradient": "Red line: gradient on wrong tags; dotted: under cross-entropy; dashed: words. "
    "Below, weights: blue right, red wrong.",
    "geometry": "A dot is a word; the bar is as long in every panel as its number says.",
}


@dataclass(frozen=True)
class Plate:
    """A figure as the page shows it: panels (title, note, SVG) under a caption and a note; `kind` chooses its key."""

    kind: str
    caption: str
    note: str
    panels: Sequence[tuple[str, str, Markup]]
    columns: int


@dataclass
class Gallery:
    """Draws a run's figures and keeps the PNG of each by file name."""

    run: Run
    files: dict[str, bytes] = field(default_factory=dict)

    def overview(self) -> Plate | None:
        """F1, ECE, size and speed of every stage on the headline split, a row each."""
        rows = len(self.run.stages)
        size = (4.4, 0.2 + 0.24 * rows)
        wanted: list[tuple[str, str, Callable[[float | None], str], bool]] = [
            ("Entity F1, percent", "f1", f.percent, False),
            ("ECE on words, lower is better", "ece", f.three, True),
            ("Parameters", "parameters", f.compact, True),
            ("Words per second", "words_per_second", f.count, True),
        ]
        drawn = []
        for title, metric, show, from_zero in wanted:
            dots = [self._dot(stage, metric, show) for stage in self.run.stages]
            if any(dot.value is not None for dot in dots):
                alt = f"{title}: " + ", ".join(f"{dot.label} {dot.text}" for dot in dots)
                drawn.append(Panel(title, "", alt, figures.dots(dots, from_zero=from_zero), size))
        caption = f"Every stage on {self.run.split}"
        return self._plate(
            "overview", "overview", caption, drawn, "Lines through the dots are 95\u00a0% intervals.", columns=2
        )

    def reliability(self, split: str, unit: str, *, scaled: bool = False) -> Plate | None:
        """The reliability diagrams of all stages."""
        found = {
            r["stage"]: r["bins"]
            for r in self.run.reliability
            if (r["split"], r["unit"], bool(r["scaled"])) == (split, unit, scaled)
        }
        drawn = []
        for stage in [s for s in self.run.stages if s in found]:
            record = self.run.score(stage, unit, split=split, scaled=scaled)
            note = f"ECE {f.three(record.get('ece'))}, MCE {f.three(record.get('mce'))}"
            confidence, accuracy = record.get("confidence"), record.get("accuracy")
            verdict = confidence_verdict(record)
            alt = (
                f"Reliability diagram of {stage}, {split}, {UNITS[unit]}: {note}, mean confidence "
                f"{f.three(confidence)}, accuracy {f.three(accuracy)}{', ' + verdict if verdict else ''}."
            )
            draw = figures.reliability(found[stage], confidence, accuracy)
            drawn.append(Panel(stage, note, alt, draw, (2.35, 2.75)))
        after = ", after temperature scaling" if scaled else ""
        name = f"reliability-{split}-{unit}{'-scaled' if scaled else ''}"
        return self._plate(name, "reliability", f"{UNITS[unit].capitalize()}, {split}{after}", drawn)

    def law(self) -> Plate | None:
        """Confidence and ECE of every teacher, measured and predicted; by the estimated noise where there is one."""
        predicted = {}
        for record in sorted(self.run.law, key=lambda r: r["noise"] == "estimated"):
            if record["split"] == self.run.split:
                predicted[record["stage"]] = record
        stages = [stage for stage in self.run.stages if stage in predicted]
        size = (4.4, 0.2 + 0.24 * len(stages))
        drawn = []
        for title, metric in (("Mean confidence", "confidence"), ("ECE on words", "ece")) if stages else ():
            dots = [
                replace(self._dot(stage, metric, f.three), low=None, high=None, scaled=predicted[stage][metric])
                for stage in stages
            ]
            alt = f"{title}: " + ", ".join(
                f"{dot.label} measured {dot.text}, predicted {f.three(dot.scaled)}" for dot in dots
            )
            drawn.append(Panel(title, "", alt, figures.dots(dots, from_zero=True), size))
        caption = f"Teachers on {self.run.split}, predicted and measured"
        note = "The ring is where the law of confidence puts a model that has converged and memorised nothing."
        return self._plate("law", "law", caption, drawn, note, columns=2)

    def losses(self) -> Plate | None:
        """Training and dev loss of every stage that has a log."""
        drawn = []
        for stage, log in self.run.logs.items():
            last = [r["dev_loss"] for r in log if r.get("dev_loss") is not None][-1:]
            note = f"last dev loss {f.three(last[0])}" if last else ""
            alt = f"Training and dev loss of {stage} against optimiser steps{', ' + note if note else ''}."
            drawn.append(Panel(stage, note, alt, figures.curves(log), (2.35, 1.75)))
        note = "Every panel has its own scale: losses of different q, and divergences, are not comparable in height."
        return self._plate("losses", "losses", "Loss against optimiser steps", drawn, note)

    def gradients(self) -> Plate | None:
        """Where the gradient of every recorded training went, epoch by epoch."""
        drawn = []
        for stage in self.run.stages:
            epochs = [r for r in self.run.gradients if r["stage"] == stage]
            if not epochs:
                continue
            first, last = (f.percent(epochs[i].get("weight_share")) for i in (0, -1))
            words = f.percent(epochs[-1].get("words_share"))
            note = f"{first} to {last} % on wrong tags" if epochs[-1]["flipped"] else "no tag is wrong"
            alt = (
                f"Gradient of {stage}: {first} percent of it came from the {words} percent of words with a wrong tag "
                f"in epoch {epochs[0]['epoch']}, {last} percent in epoch {epochs[-1]['epoch']}."
            )
            drawn.append(Panel(stage, note, alt, gradient_figures.gradient(epochs), gradient_figures.SIZE))
        caption = "Share of the gradient that comes from wrong tags, and gradient weight of words"
        note = (
            "A word’s weight is how hard its loss pushes at its logits: p^q · (1 − p) for GCE, with p the probability "
            "of its tag as training went by. Below: how many of the right and of the wrong tags have which weight."
        )
        return self._plate("gradients", "gradient", caption, drawn, note)

    def geometry(self) -> Plate | None:
        """Three classes of every measured model in the plane through their templates."""
        known = {r["stage"]: r for r in self.run.geometry}
        records = [known[stage] for stage in self.run.stages if stage in known]
        if not records:
            return None
        drawn = []
        for record, window in zip(records, geometry_figures.windows(records), strict=True):
            ratio = f.three(record["plane"].get("ratio"))
            note = f"within / between {ratio}"
            names = ", ".join(record["classes"])
            alt = f"Words of {names} in the plane through their templates in {record['stage']}: {note}."
            draw = geometry_figures.projection(record, window)
            drawn.append(Panel(record["stage"], note, alt, draw, geometry_figures.SIZE))
        caption = f"Three classes on {records[0]['split']}, last hidden layer"
        note = "Projected on the plane through the three classes’ rows of the head’s weight; one scale for all panels."
        return self._plate("geometry", "geometry", caption, drawn, note)

    def matrices(self, name: str, caption: str, drawn: Sequence[tuple[str, Table]]) -> None:
        """The PNG of matrices that the page shows as tables."""
        if drawn:
            side = max(3.0, 0.36 * len(drawn[0][1].columns) + 0.9)
            panes = [Panel(title, "", "", figures.matrix(table), (side, side)) for title, table in drawn]
            self.files[f"{name}.png"] = panels.png(panes, panels.columns_for(len(panes)), caption, "Rows: gold.")

    def _dot(self, stage: str, metric: str, show: Callable[[float | None], str]) -> figures.Dot:
        record, scaled = self.run.score(stage), self.run.score(stage, scaled=True)
        value = record.get(metric)
        return figures.Dot(
            label=stage,
            value=value,
            text=show(value),
            colour=figures.ROLE_COLOURS.get(self.run.role(stage), panels.MUTED),
            low=record.get(f"{metric}_low"),
            high=record.get(f"{metric}_high"),
            scaled=scaled.get(metric) if metric == "ece" else None,
        )

    def _plate(
        self, name: str, kind: str, caption: str, drawn: Sequence[Panel], note: str = "", columns: int | None = None
    ) -> Plate | None:
        if not drawn:
            return None
        columns = columns or panels.columns_for(len(drawn))
        self.files[f"{name}.png"] = panels.png(drawn, columns, caption, KEYS[kind])
        shown = [(p.title, p.note, Markup(panels.svg(p, f"{name}-{i}"))) for i, p in enumerate(drawn)]
        return Plate(kind, caption, note, shown, columns)
