"""End of a command that fails: one line for an error that the operator can fix, and the exit code."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.ops.embedded import WrongSetting

# Imported after an error only: it imports all drivers, whose memory `relance serve` would keep.
ERROR_LINES = "app.ops.cli.support.error_lines"


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Print errors that the operator can fix as one line, without a traceback, and exit.

    Exit codes: 2 for a wrong setting (or wrong arguments), 1 for other errors.
    """
    try:
        yield
    except Exception as error:
        lines = importlib.import_module(ERROR_LINES)
        line = lines.error_line(error)
        if line is None:
            raise
        click.echo(f"relance: {line}", err=True)
        sys.exit(2 if isinstance(error, lines.ValidationError | WrongSetting) else 1)
