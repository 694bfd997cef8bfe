"""What is said when the set-up cannot go on: always one line, with what to do."""

from app.errors import RelanceError


class CannotStart(RelanceError):
    """Relance cannot start here."""
