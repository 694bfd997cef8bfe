"""Saved views of the work queue: the user's own, and shared ones."""

from typing import Final

from app.identity.models import User
from app.leads.attribution.models import LeadSource
from app.leads.search.saved_views import SavedViews
from app.tasks.views.models import TaskView

task_views: Final = SavedViews(TaskView, {"assigned_to_id": User, "created_by": User, "source_id": LeadSource})
