"""Decide which events a caller may see."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.live_events.caller import StreamCaller
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonObject
from app.identity.permissions import Permission, Scope
from app.ops.live_updates.messages import LiveEvent

OF_ONE_USER = frozenset({LiveKind.NOTIFICATION_NEW, LiveKind.JOB_CHANGED})


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of an entry's leads and the assignees of its tasks, by id. All ids are text."""

    leads: Mapping[str, str | None] = field(default_factory=dict)
    tasks: Mapping[str, str | None] = field(default_factory=dict)


class Viewer:
    """The rights of the caller of a stream, in the form that filtering needs."""

    def __init__(self, caller: StreamCaller) -> None:
        self._user = str(caller.user_id)
        self._stands_for = str(caller.stands_for)
        self._leads = caller.permissions.get(Permission.LEAD_READ)
        self._jobs = caller.permissions.get(Permission.LEAD_UPDATE)
        self._colleagues = frozenset(map(str, caller.colleagues))

    @property
    def is_limited(self) -> bool:
        """Whether the viewer sees only leads of some owners."""
        return self._leads is not None and self._leads != Scope.ALL

    def group(self, content: JsonObject) -> Hashable:
        """Return a key: viewers with the same one see the same of this entry."""
        own = OF_ONE_USER & content.get("kinds", {}).keys()
        return self._leads, self._jobs, self._colleagues, (self._user, self._stands_for) if own else None

    def visible(self, content: JsonObject, owners: Owners) -> Iterator[LiveEvent]:
        """Yield the events of the entry that the viewer may see.

        `more` reaches every viewer of the kind: it names no object.
        """
        for kind, changed in content["kinds"].items():
            if not self._may_see(kind):
                continue
            items = [item for item in changed["items"] if self._sees(kind, item, owners, content["former"])]
            if items or changed["more"]:
                leads = dict.fromkeys(lead for _, lead, _ in items if lead)
                yield LiveEvent(kind, [item[0] for item in items], list(leads), changed["more"])

    def _may_see(self, kind: str) -> bool:
        if kind == LiveKind.NOTIFICATION_NEW:
            return True
        return (self._jobs if kind == LiveKind.JOB_CHANGED else self._leads) is not None

    def _sees(self, kind: str, item: Any, owners: Owners, former: Mapping[str, list[str]]) -> bool:
        object_id, lead_id, user_id = item
        if kind == LiveKind.NOTIFICATION_NEW:
            return bool(user_id == self._user)
        if kind == LiveKind.JOB_CHANGED:
            return self._jobs == Scope.ALL or user_id == self._stands_for
        if self._leads == Scope.ALL:
            return True
        own = {owners.leads.get(lead_id), *former.get(lead_id, ())}
        if kind == LiveKind.TASK_CHANGED:
            own |= {owners.tasks.get(object_id), *former.get(object_id, ())}
        return not self._colleagues.isdisjoint(own)
