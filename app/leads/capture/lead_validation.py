"""Validation of lead data in bulk jobs and imports, with the checks of `POST /api/leads`.

The checks are the API's schemas. Workers load them with the first such job, not at their start.
"""

from app.core.ports import Port
from app.core.type_aliases import JsonDict, JsonObject

# Return the values of a new lead, or the changes to an existing one. Both raise Invalid with every error.
read_new_lead: Port[[JsonObject], JsonDict] = Port("read_new_lead")
read_lead_changes: Port[[JsonObject], JsonDict] = Port("read_lead_changes")
