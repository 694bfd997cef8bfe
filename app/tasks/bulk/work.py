"""Settings of a bulk follow-up job, shared by the items of a chunk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import ActiveUser
from app.leads.facts.template_values import DisplayNames
from app.messaging.rendering.render import InvalidTemplate
from app.tasks.bulk.assignees import Assign
from app.tasks.bulk.spec import Spec
from app.tasks.templates.rendering import TaskText, fill, values_for


@dataclass(frozen=True, slots=True)
class Work:
    """A job's settings, shared by the items of a chunk."""

    job_id: UUID
    created_by: UUID | None
    clinic: ClinicContext
    spec: Spec
    staff: Mapping[UUID, ActiveUser]
    assign: Assign
    names: DisplayNames

    def words_for(self, lead: Any) -> TaskText:
        """Return the title and description of the lead's task, with the merge fields filled in.

        A text with mistakes stays as it is: jobs that were started earlier may have one.
        """
        words = TaskText(self.spec.task["title"], self.spec.task.get("description"))
        if not any("{" in (part or "") for part in words):
            return words
        try:
            return fill(words, values_for(self.clinic, lead, self.names, self.staff.get(lead.assigned_to_id)))
        except InvalidTemplate:
            return words
