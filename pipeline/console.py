"""What a person sees: lines, tables and progress, on a terminal or in a log file.

On a terminal progress is a live bar; elsewhere it is a plain line now and then. `NO_COLOR` is respected (by rich).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

PATIENCE = 2.0  # seconds before progress shows at all
INTERVAL = 10.0  # seconds between progress lines where there is no terminal


def printable(text: str) -> str:
    r"""Text whose control characters are spelled out: in a word of the data, one could steer the terminal.

    >>> print(printable("Rome \x1b[2J"))
    Rome \x1b[2J
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Reporter:
    """Speaks to the person who runs a command.

    Args:
        quiet: say only what was asked for (`result`) and warnings.
        to_stderr: keep standard output free, for JSON.
    """

    def __init__(self, *, quiet: bool = False, to_stderr: bool = False) -> None:
        self._quiet = quiet
        stream = sys.stderr if to_stderr else sys.stdout
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line about what happens."""
        if not self._quiet:
            self._console.print(text)

    def warn(self, text: str) -> None:
        """A line that is shown even when quiet."""
        self._console.print(f"warning: {text}", style="yellow")

    def up_to_date(self, name: str) -> None:
        """The line for a stage that has nothing to do."""
        self.say(f"{name}: up to date")

    def next_command(self, command: str) -> None:
        """The last line of a command: what to run next."""
        if not self._quiet:
            self._console.print(Text.assemble("next: ", (command, "bold")))

    def result(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; the first column is text, the others are numbers."""
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for position, column in enumerate(columns):
            table.add_column(column, justify="right" if position else "left", no_wrap=True)
        for row in rows:
            table.add_row(*map(printable, row))
        # As wide as it needs to be: a narrow terminal may break a line, but no figure is cut off.
        table.width = self._console.measure(table, options=self._console.options.update(width=10_000)).maximum
        self._console.print(table)

    @contextmanager
    def progress(self, description: str) -> Iterator[ProgressMeter]:
        """Show how far a long piece of work is; quiet for work shorter than two seconds."""
        meter = ProgressMeter(description, self._console, quiet=self._quiet)
        try:
            yield meter
        finally:
            meter.close()


class ProgressMeter:
    """One piece of work: `update` says how far it is, with figures such as the loss."""

    def __init__(self, description: str, console: Console, *, quiet: bool) -> None:
        self._description = description
        self._console = console
        self._quiet = quiet
        self._started = time.monotonic()
        self._last_line = self._started
        self._first: tuple[float, float] | None = None  # when progress was first reported, and how much was done
        self._bar: Progress | None = None

    def update(self, done: float, total: float, note: str = "") -> None:
        """Report progress.

        Args:
            done: amount of work done, in [0, total].
            total: amount of work in all.
            note: figures to show beside it.
        """
        now = time.monotonic()
        since, before = self._first = self._first or (now, done)
        if self._quiet or now - self._started < PATIENCE:
            return
        if self._console.is_terminal:
            self._draw(done, total, note)
        elif now - self._last_line >= INTERVAL:
            self._last_line = now
            left = f"{(now - since) * (total - done) / (done - before):.0f} s left" if done > before else ""
            self._console.print(
                f"{self._description}: " + " · ".join(filter(None, (f"{done / total:.0%}", note, left)))
            )

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()

    def _draw(self, done: float, total: float, note: str) -> None:
        if self._bar is None:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.add_task(self._description, total=total, note=note)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, note=note)
        self._bar.start()  # does nothing when it is on the screen already
