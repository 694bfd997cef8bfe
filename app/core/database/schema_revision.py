"""Revision of the database schema that this code needs."""

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def needed_revision() -> str:
    """Return the number of the last migration (`NNNN_name`)."""
    names = (script.name for script in (files("migrations") / "versions").iterdir() if script.name.endswith(".py"))
    return max(name.partition("_")[0] for name in names)
