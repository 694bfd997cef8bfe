"""Set-up errors. The message is one line with the fix."""

from app.errors import RelanceError


class CannotStart(RelanceError):
    """Relance cannot start here."""
