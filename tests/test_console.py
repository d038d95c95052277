"""What a person sees, in a log file and on a terminal."""

import io
import sys
from types import SimpleNamespace

import pytest

from pipeline.console import INTERVAL, PATIENCE, Reporter

ESCAPE = "\x1b"
COLUMNS = ["stage", "F1 [95 %]", "ECE", "entity ECE", "confidence", "size", "words/s"]
ROWS = [
    ["teacher", "91.2 [90.1, 92.2]", "0.012", "0.034", "0.951", "0.91 M", "12,345"],
    ["student-jensen-shannon", "9.1 [8.0, 9.9]", "0.123", "–", "0.512", "0.50 M", "987"],
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Stands in for the `time` module of the console."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def screen(monkeypatch):
    """Puts a stream in the place of standard output, from the call on: pytest itself does so before each test."""

    def replace(stream):
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return replace


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("pipeline.console.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def speak(reporter):
    reporter.say("a line")
    reporter.up_to_date("teacher")
    reporter.warn("a doubt")
    reporter.result("data", ["split", "words"], [["train", "1,234"]])
    reporter.next_command("pipeline eval")


# --- lines ------------------------------------------------------------------------------------------------------------


def test_plain_lines_where_there_is_no_terminal(capsys):
    speak(Reporter())
    out, err = capsys.readouterr()
    assert [line.rstrip() for line in out.splitlines()] == [
        "a line",
        "teacher: up to date",
        "warning: a doubt",
        "data",
        "split  words",
        "train  1,234",
        "next: pipeline eval",
    ]
    assert err == ""
    assert ESCAPE not in out


def test_quiet_keeps_results_and_warnings(capsys):
    speak(Reporter(quiet=True))
    out = capsys.readouterr().out
    assert [line.rstrip() for line in out.splitlines()] == [
        "warning: a doubt",
        "data",
        "split  words",
        "train  1,234",
    ]


def test_standard_output_can_be_kept_free(capsys):
    speak(Reporter(to_stderr=True))
    out, err = capsys.readouterr()
    assert out == ""
    assert "a line" in err
    assert "1,234" in err


@pytest.mark.parametrize("text", ["runs/[bold]x[/bold]/[/]", ":smile: 12:30:00", "a" * 500, "1 'x' None http://x.y"])
@pytest.mark.parametrize("say", [Reporter.say, Reporter.warn, Reporter.next_command])
def test_text_is_printed_as_it_is(capsys, say, text):
    say(Reporter(), text)
    assert capsys.readouterr().out.removeprefix("warning: ").removeprefix("next: ") == text + "\n"


def test_a_terminal_has_colours(screen):
    terminal = screen(Terminal())
    speak(Reporter())
    assert f"{ESCAPE}[33mwarning: a doubt{ESCAPE}[0m" in terminal.getvalue()
    assert f"next: {ESCAPE}[1mpipeline eval{ESCAPE}[0m" in terminal.getvalue()


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_no_color_is_respected(screen, monkeypatch, variable):
    terminal = screen(Terminal())
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    speak(Reporter())
    assert f"{ESCAPE}[3" not in terminal.getvalue().replace(f"{ESCAPE}[3m", "")  # colours are 30 to 38, 3 is italic
    assert "warning: a doubt" in terminal.getvalue()


def test_a_dumb_terminal_gets_plain_text(screen, monkeypatch):
    terminal = screen(Terminal())
    monkeypatch.setenv("TERM", "dumb")
    speak(Reporter())
    assert "warning: a doubt" in terminal.getvalue()
    assert ESCAPE not in terminal.getvalue()


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [None, "40", "300"])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_table_of_figures(screen, monkeypatch, stream, columns):
    """Figures are aligned to the right and never cut off, however narrow the terminal."""
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    out = screen(stream())
    Reporter().result("test split", COLUMNS, ROWS)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "test split",
        "stage                           F1 [95 %]    ECE  entity ECE  confidence    size  words/s",
        "teacher                 91.2 [90.1, 92.2]  0.012       0.034       0.951  0.91 M   12,345",
        "student-jensen-shannon     9.1 [8.0, 9.9]  0.123           –       0.512  0.50 M      987",
    ]


def test_cells_are_printed_as_they_are(capsys):
    Reporter().result("[b]t[/b]", ["[i]c"], [["[red]x[/red]"], [":smile:"]])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "[b]t[/b]",
        "[i]c",
        "[red]x[/red]",
        ":smile:",
    ]


def test_a_table_without_rows(capsys):
    Reporter().result("nothing", ["stage", "F1"], [])
    assert "stage  F1" in capsys.readouterr().out


# --- progress ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_short_work_is_silent(screen, clock, stream):
    out = screen(stream())
    with Reporter().progress("training") as meter:
        for step in range(20):
            meter.update(step, 20, "loss 0.1")
            clock.now += 0.99 * PATIENCE / 20
    assert out.getvalue() == ""


def test_a_line_now_and_then_where_there_is_no_terminal(capsys, clock):
    with Reporter().progress("teacher: training") as meter:
        for step in range(101):
            meter.update(step, 100, f"loss {step}")
            clock.now += INTERVAL / 20
    assert capsys.readouterr().out.splitlines() == [
        f"teacher: training: {step}% · loss {step} · {(100 - step) / 2:.0f} s left" for step in (20, 40, 60, 80, 100)
    ]


def test_a_line_without_figures(capsys, clock):
    with Reporter().progress("eval") as meter:
        for done in (0, 0, 1):
            meter.update(done, 4)
            clock.now += INTERVAL
    assert capsys.readouterr().out.splitlines() == ["eval: 0%", "eval: 25% · 60 s left"]


def test_what_was_done_before_does_not_make_work_look_fast(capsys, clock):
    """A resumed training starts at step 500: the time left follows from its own steps."""
    with Reporter().progress("training") as meter:
        meter.update(500, 1000)
        clock.now += INTERVAL
        meter.update(510, 1000)
    assert capsys.readouterr().out == f"training: 51% · {49 * INTERVAL:.0f} s left\n"


def test_progress_can_go_to_standard_error(capsys, clock):
    with Reporter(to_stderr=True).progress("eval") as meter:
        clock.now += INTERVAL
        meter.update(1, 2)
    assert capsys.readouterr() == ("", "eval: 50%\n")


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_quiet_has_no_progress(screen, clock, stream):
    out = screen(stream())
    with Reporter(quiet=True).progress("training") as meter:
        clock.now += 100
        meter.update(1, 2)
    assert out.getvalue() == ""


def test_a_terminal_has_a_bar_that_goes_away(screen, clock):
    terminal = screen(Terminal())
    with pytest.raises(KeyboardInterrupt), Reporter().progress("teacher: [training]") as meter:
        meter.update(1, 100)
        assert terminal.getvalue() == ""
        clock.now += PATIENCE
        meter.update(50, 100, "loss [0.1]")
        assert "teacher: [training]" in terminal.getvalue()
        assert "50%" in terminal.getvalue()
        assert "loss [0.1]" in terminal.getvalue()
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith(f"{ESCAPE}[2K")  # the line is erased
    assert f"{ESCAPE}[?25h" in terminal.getvalue()  # the cursor is back
