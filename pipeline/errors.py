"""The one exception that stands for a user's mistake."""


class PipelineError(Exception):
    """A mistake of the user's that one line can explain.

    The message says what was expected, what was found (with ``file:line`` for data) and what to do. The command
    line prints it without a traceback and exits with status 1.
    """
