"""Request schemas for the links between tasks and the timeline."""

from app.api.activities.schemas import mentions_field
from app.api.tasks.queue_schemas import QueuedTaskIn
from app.http.schemas import words
from app.http.schemas.fields import Choice, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, Schema
from app.leads.activities.service import TimelineSort


class TaskNoteIn(Aliases, Schema):
    """A note about a task."""

    aliases = words.NOTES

    notes = Text(5000, lines=True, least=1, required=True)
    mentions = mentions_field()


class TaskNotesQuery(PageQuery):
    """Order of the notes."""

    sort = Choice(TimelineSort, load_default=TimelineSort.OLDEST)


class TaskFromEntryIn(QueuedTaskIn):
    """A new task for the lead of the entry: all fields, or those that differ from the template."""

    class Meta(Schema.Meta):
        exclude = ("lead_id",)
