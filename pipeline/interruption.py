"""What Ctrl-C and SIGTERM do: stop a command at once, or a training at its next checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):  # no Exception: nothing may take it for a mistake and go on
    """Somebody asked the command to stop.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Request:
    """A signal that waits until it suits the work."""

    def __init__(self) -> None:
        self.number: int | None = None

    def obey(self) -> None:
        """Stop here if that was asked for.

        Raises:
            Interrupted: it was.
        """
        if self.number is not None:
            raise Interrupted(self.number)


_waiting: list[Request] = []  # the one that a signal goes to, if any


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the context, Ctrl-C and SIGTERM raise `Interrupted`, but where `deferred` says to wait."""
    if threading.current_thread() is not threading.main_thread():  # Python gives signals to the main thread alone
        yield
        return
    # One that is ignored, as in the background of a script, stays ignored.
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _receive)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def deferred() -> Iterator[Request]:
    """Within the context, the first signal waits until `Request.obey` is called, or for the end; a second does not.

    Yields:
        The request, to be obeyed at a point from which the work can go on.
    """
    request = Request()
    _waiting.append(request)
    try:
        yield request
    finally:
        _waiting.remove(request)
    request.obey()


def _receive(number: int, _: FrameType | None) -> None:
    if _waiting and _waiting[-1].number is None:
        _waiting[-1].number = number
    else:
        raise Interrupted(number)
