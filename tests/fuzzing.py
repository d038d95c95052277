"""What the fuzz tests share: how many cases, how long one may take, and what a refusal has to look like."""

import re
import signal
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.errors import PipelineError

SECONDS = 60  # more than any case takes on a busy machine; a case that takes longer hangs


def cases(short, long):
    """Runs a test with few cases, and with many where slow tests run; it takes their number as `n`."""
    return pytest.mark.parametrize("n", [short, pytest.param(long, marks=pytest.mark.slow)])


def check(n, *strategies, **named):
    """Runs the decorated function at once on n cases."""

    def run(function):
        within = settings(
            max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
        )
        within(given(*strategies, **named)(function))()

    return run


@contextmanager
def no_hang():
    """The block ends in time, or a TimeoutError ends it."""

    def stop(*_):
        raise TimeoutError(f"still running after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(function, *arguments, **named):
    """What a function returns, or the message by which it refuses; whatever else it raises is a fault."""
    with no_hang():
        try:
            return function(*arguments, **named), None
        except PipelineError as error:
            return None, str(error)


def judge(message, place):
    """A refusal is one printable line that names the place, what was expected, what was found and what to do."""
    assert message.isprintable(), message
    assert len(message) < 3000, message
    assert place in message, message
    assert re.search(r"(expected .+found|unknown key|was made with .+ this command has).*; \w+", message), message
