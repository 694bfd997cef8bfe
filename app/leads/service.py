"""What can be done with a lead. Every function takes the session first, and leaves the commit to its caller."""

from app.leads.assignment.assign import assign
from app.leads.capture.capture import capture_lead
from app.leads.changes import update_lead
from app.leads.lookup import get_lead, read_lead
from app.leads.pipeline.closing import convert, lose, opt_out
from app.leads.pipeline.reopening import reopen
from app.leads.pipeline.stages import change_stage
from app.leads.search.listing import list_leads

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
