"""A savepoint by plain SQL: the session's nested transactions would publish messages before the outer commit.

A savepoint within another one has the same name, and hides it until it is released.
"""

from typing import Final

from sqlalchemy import text

BEGIN: Final = text("SAVEPOINT part")
KEEP: Final = text("RELEASE SAVEPOINT part")
UNDO: Final = text("ROLLBACK TO SAVEPOINT part")  # the savepoint stays: release it, or undo again
