"""Commands as a user types them."""

from typer.testing import CliRunner

from stages.cli import app


def pipeline(*arguments, code=0):
    """Type a command; it must end with that exit status, or with any."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert code in (None, result.exit_code), result.output + repr(result.exception)
    return result
