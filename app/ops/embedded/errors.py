"""Set-up errors. The message is one line with the fix."""

from app.errors import RelanceError


class CannotStart(RelanceError):
    """Relance cannot start here."""


class WrongSetting(CannotStart):
    """A setting has a value that cannot be used. The message names the variable, the value and what to do."""
