"""What can be done with a lead. Every function takes the session first, and leaves the commit to its caller."""

from app.leads.capture import capture_lead
from app.leads.changes import update_lead
from app.leads.closing import convert, lose, opt_out
from app.leads.giving import assign
from app.leads.listing import list_leads
from app.leads.lookup import get_lead, read_lead
from app.leads.reopening import reopen
from app.leads.stages import change_stage

__all__ = [
    "assign",
    "capture_lead",
    "change_stage",
    "convert",
    "get_lead",
    "list_leads",
    "lose",
    "opt_out",
    "read_lead",
    "reopen",
    "update_lead",
]
