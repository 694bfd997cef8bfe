"""Which live events a caller may see: scopes of roles, kinds of events."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from app.core.live_events.caller import StreamCaller
from app.core.live_events.entries import MOST_IDS, About, LiveKind, read_entry, to_entry
from app.core.type_aliases import JsonDict
from app.identity.models import Role
from app.identity.permissions import ROLE_GRANTS
from app.ops.live_updates.messages import LiveEvent, events
from app.ops.live_updates.viewer import Owners, Viewer

LEAD, TASK, OTHER = uuid4(), uuid4(), uuid4()
ME, COLLEAGUE, STRANGER = uuid4(), uuid4(), uuid4()
LEAD_KINDS = (LiveKind.LEAD_CHANGED, LiveKind.TASK_CHANGED, LiveKind.MESSAGE_CHANGED, LiveKind.STEP_CHANGED)


def viewer(role: Role, *, colleagues: Sequence[UUID] = ()) -> Viewer:
    permissions = {permission.value: scope.value for permission, scope in ROLE_GRANTS[role].items()}
    own = frozenset({ME, *colleagues})
    return Viewer(StreamCaller(uuid4(), 0.0, permissions, own, user_id=ME, stands_for=ME, role=role))


def entry(kind: LiveKind, object_id: UUID, about: About, *, former: dict[UUID, set[UUID]] | None = None) -> JsonDict:
    content = read_entry(to_entry({kind: {object_id: about}}, former or {}).decode())
    assert content is not None
    return content


def sees(who: Viewer, content: JsonDict, *, owner: UUID | None = None, assignee: UUID | None = None) -> bool:
    owners = Owners({str(LEAD): owner and str(owner)}, {str(TASK): assignee and str(assignee)})
    return bool(list(who.visible(content, owners)))


@pytest.mark.parametrize("kind", LEAD_KINDS)
@pytest.mark.parametrize(
    ("role", "owner", "is_visible"),
    [
        (Role.CLINIC_ADMIN, STRANGER, True),
        (Role.DOCTOR, None, True),
        (Role.FRONT_DESK, STRANGER, True),
        (Role.SALES, ME, True),
        (Role.SALES, COLLEAGUE, False),
        (Role.SALES, None, False),
        (Role.MANAGER, ME, True),
        (Role.MANAGER, COLLEAGUE, True),
        (Role.MANAGER, STRANGER, False),
        (Role.MANAGER, None, False),
    ],
)
def test_events_of_a_lead_need_a_scope_with_its_owner(kind: LiveKind, role: Role, owner: UUID, is_visible: bool):
    who = viewer(role, colleagues=[COLLEAGUE] if role is Role.MANAGER else [])
    assert sees(who, entry(kind, LEAD, About(LEAD)), owner=owner) is is_visible


def test_former_owner_sees_that_the_lead_was_reassigned():
    lost = entry(LiveKind.LEAD_CHANGED, LEAD, About(LEAD), former={LEAD: {ME}})
    assert sees(viewer(Role.SALES), lost, owner=STRANGER)
    assert not sees(viewer(Role.SALES), entry(LiveKind.LEAD_CHANGED, LEAD, About(LEAD)), owner=STRANGER)


def test_assignee_of_a_task_sees_it_on_a_lead_of_another_owner():
    changed = entry(LiveKind.TASK_CHANGED, TASK, About(LEAD))
    assert sees(viewer(Role.SALES), changed, owner=STRANGER, assignee=ME)
    assert not sees(viewer(Role.SALES), changed, owner=STRANGER, assignee=COLLEAGUE)


@pytest.mark.parametrize("role", list(Role))
def test_notification_reaches_only_its_user(role: Role):
    assert sees(viewer(role), entry(LiveKind.NOTIFICATION_NEW, OTHER, About(None, ME)))
    assert not sees(viewer(role), entry(LiveKind.NOTIFICATION_NEW, OTHER, About(None, STRANGER)))


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [
        (Role.CLINIC_ADMIN, True, True),
        (Role.TREATMENT_COORDINATOR, True, True),
        (Role.SALES, True, False),
        (Role.MANAGER, True, False),
        (Role.DOCTOR, False, False),  # may not read jobs
        (Role.DISPATCHER, False, False),
    ],
)
def test_job_reaches_callers_that_may_read_jobs(role: Role, own: bool, others: bool):
    assert sees(viewer(role), entry(LiveKind.JOB_CHANGED, OTHER, About(None, ME))) is own
    assert sees(viewer(role), entry(LiveKind.JOB_CHANGED, OTHER, About(None, STRANGER))) is others


def test_caller_without_lead_read_gets_no_event_of_leads():
    program = Viewer(StreamCaller(uuid4(), 0.0, {"lead:create": "all"}, api_key_id=uuid4()))
    assert not sees(program, entry(LiveKind.LEAD_CHANGED, LEAD, About(LEAD)), owner=None)


def test_large_change_names_some_objects_and_says_that_there_are_more():
    many = {lead_id: About(lead_id) for lead_id in (uuid4() for _ in range(MOST_IDS + 1))}
    content = read_entry(to_entry({LiveKind.LEAD_CHANGED: many}, {}).decode())
    assert content is not None
    [all_leads] = viewer(Role.CLINIC_ADMIN).visible(content, Owners())
    assert (len(all_leads.ids), all_leads.more) == (MOST_IDS, True)
    assert list(viewer(Role.SALES).visible(content, Owners())) == [LiveEvent("lead.changed", [], [], more=True)]


def test_viewers_of_one_group_see_the_same():
    content = entry(LiveKind.LEAD_CHANGED, LEAD, About(LEAD))
    assert viewer(Role.CLINIC_ADMIN).group(content) == viewer(Role.TREATMENT_COORDINATOR).group(content)
    assert viewer(Role.CLINIC_ADMIN).group(content) != viewer(Role.SALES).group(content)
    notice = entry(LiveKind.NOTIFICATION_NEW, OTHER, About(None, ME))
    assert viewer(Role.CLINIC_ADMIN).group(notice)[-1] is not None  # type: ignore[index]


def test_only_the_last_event_of_an_entry_has_its_id():
    written = events([LiveEvent("lead.changed", ["1"], ["1"], more=False)] * 2, "7-0").decode()
    assert written.count("id: 7-0\n") == 1
    assert written.split("\n\n")[1].startswith("id: 7-0\n")
