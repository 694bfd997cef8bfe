"""Arrays of simple values in columns."""

import re
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy.dialects import postgresql

_ESCAPED: Final = re.compile(r'["\\]')
_ESCAPE: Final = r"\\\g<0>"


class PlainArray(postgresql.ARRAY[Any]):
    """An array whose items the driver returns as Python values. `ARRAY` copies each of them once more."""

    render_bind_cast = True  # as the array type of the driver's dialect

    def adapt(self, cls: Any, **options: Any) -> Any:  # noqa: ARG002  (SQLAlchemy's contract)
        """Stay of this type: the array type of the dialect would process results."""
        return super().adapt(PlainArray, **options)

    def result_processor(self, dialect: object, coltype: object) -> None:  # type: ignore[override]
        """Return no processor."""


def integer_array(values: Iterable[int]) -> str:
    """Return the text of an array. psycopg dumps each item of a list by itself, and first looks for the common type."""
    return f"{{{','.join(map(str, values))}}}"


def text_array(values: Iterable[str]) -> str:
    """Return the text of an array, as `integer_array` does."""
    return "{" + ",".join(f'"{_ESCAPED.sub(_ESCAPE, value)}"' for value in values) + "}"


def bytea_array(values: Iterable[bytes]) -> str:
    """Return the text of an array. psycopg needs five times as long for a list of bytes."""
    return "{" + ",".join(rf'"\\x{value.hex()}"' for value in values) + "}"
