"""Type aliases for JSON objects and for rows of tables. Each comes as a read-only mapping and as a dict."""

from collections.abc import Mapping
from typing import Any, TypeAlias

# Objects by name, as they come from JSON or become JSON: definitions, params, request and response bodies. Values may
# be UUIDs, dates and decimals, which the JSON encoder writes as text.
JsonObject: TypeAlias = Mapping[str, Any]
JsonDict: TypeAlias = dict[str, Any]

# Values of a table's row by column name, as SQL statements take them.
ColumnValues: TypeAlias = Mapping[str, Any]
ColumnDict: TypeAlias = dict[str, Any]
