"""Validation of lead data in bulk jobs and imports, with the checks of `POST /api/leads`.

The checks are the API's schemas. Workers load them with the first such job, not at their start.
"""

from collections.abc import Mapping
from typing import Any

from app.core.ports import Port

# Return the values of a new lead, or the changes to an existing one. Both raise Invalid with every error.
read_new_lead: Port[[Mapping[str, Any]], dict[str, Any]] = Port("read_new_lead")
read_lead_changes: Port[[Mapping[str, Any]], dict[str, Any]] = Port("read_lead_changes")
