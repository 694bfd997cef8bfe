"""Request schema of saved views of leads."""

from app.api.leads.list_schemas import LeadHistoryTests, LeadTests
from app.http.schemas import words
from app.http.schemas.fields import Boolean, Choice, Text
from app.http.schemas.saved_filters import SavedFilters
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.leads.search.listing import LeadSort


class LeadFilters(QuerySchema, LeadTests, LeadHistoryTests):
    """Filters and order of a saved view. The beginning of a name is not stored: it is personal data."""

    sort = Choice(LeadSort)


class LeadViewIn(Aliases, Schema):
    """A complete view. Missing fields get their default."""

    aliases = words.FILTERS

    name = Text(100, least=1, required=True)
    filters = SavedFilters(LeadFilters, "/api/leads", {"stage": "contacted", "assigned_to_id": "me"})
    shared = Boolean(load_default=False, metadata={"description": "Share with all users of the clinic."})
