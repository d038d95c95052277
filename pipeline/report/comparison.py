"""The comparison of stages as one small table: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("stage", "F1 [95 %]", "ECE", "MCE30", "entity ECE", "NLL", "confidence", "accuracy", "size", "words/s")


def comparison(records: Sequence[Mapping[str, Any]], split: str) -> list[list[str]]:
    """The rows under `COLUMNS`: each stage, and below it the same at the temperature fitted on dev.

    Args:
        records: of `metrics.json`.
        split: which split to show.
    """
    units = {
        unit: {(r["stage"], r["scaled"]): r for r in records if r["split"] == split and r["unit"] == unit}
        for unit in ("word", "entity-word")
    }
    rows = []
    for (stage, scaled), record in units["word"].items():
        entity = units["entity-word"][(stage, scaled)]
        f1 = f"{100 * record['f1']:.1f} [{100 * record['f1_low']:.1f}, {100 * record['f1_high']:.1f}]"
        size, speed = record["parameters"], record["words_per_second"]
        cost = ["–" if size is None else f"{size / 1e6:.2f} M", "–" if speed is None else f"{speed:,.0f}"]
        rows.append(
            [f"  + T = {record['temperature']:.2f}" if scaled else stage, "" if scaled else f1]
            + [_decimal(record[k]) for k in ("ece", "mce30")]
            + [_decimal(entity["ece"])]
            + [_decimal(record[k]) for k in ("nll", "confidence", "accuracy")]
            + (["", ""] if scaled else cost)
        )
    return rows


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows under `COLUMNS` as a Markdown table."""
    lines = [COLUMNS, ["---", *["--:"] * (len(COLUMNS) - 1)], *([cell.strip() for cell in row] for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
