"""Validation of leads that come as data, row by row: bulk jobs and imports use the checks of `POST /api/leads`.

The checks are the API's schemas. Workers load them with the first such job, not at their start.
"""

from collections.abc import Mapping
from typing import Any

from app.core.ports import Port

# Return the values of a new lead, or the changes of a known one. Both raise Invalid with every mistake.
read_new_lead: Port[[Mapping[str, Any]], dict[str, Any]] = Port("read_new_lead")
read_lead_changes: Port[[Mapping[str, Any]], dict[str, Any]] = Port("read_lead_changes")
