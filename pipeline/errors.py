"""The one exception that stands for a user's mistake."""


class PipelineError(Exception):
    """A mistake of the user's that one line can explain.

    The message says what was expected, what was found (with ``file:line`` for data) and what to do. The command
    line prints it without a traceback and exits with status 1.

    Args:
        message: that line. What cannot be printed (a line feed in a file's name, a terminal's escape codes, half a
            character) is spelled out, so that it stays one line and shows what is meant.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message))
