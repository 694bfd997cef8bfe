"""An error in words that may be shown and logged."""

from sqlalchemy.exc import DBAPIError


def words(error: BaseException | None) -> str:
    """The kind of error and what it says; of a database's error only its first words, for the rest quotes rows."""
    if isinstance(error, DBAPIError):
        diagnosis = getattr(error.orig, "diag", None)
        return f"{type(error.orig).__name__}: {getattr(diagnosis, 'message_primary', None) or 'the database said no'}"
    return f"{type(error).__name__}: {error}"
