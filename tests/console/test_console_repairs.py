"""The console in a browser: the board, and repairs of messages and steps."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from playwright.sync_api import Page, Route, expect

from app.core.db import transaction
from app.engine.steps.holds import hold
from app.messaging.compose import MessageMetadata, Recipient, compose, insert_notifications
from app.messaging.models import NotificationState
from app.messaging.rendering.render import Wording
from tests.support.browser import Browsing
from tests.support.desk import Desk

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def dialog(page: Page):
    return page.get_by_role("dialog")


def message(desk: Desk, state: NotificationState, template: str = "task-reminder", lead_id: UUID | None = None) -> str:
    """Insert an e-mail to the admin in that state, about the lead if one is given."""
    rows = compose(
        Wording("Coming up: call Mia", "Hello Ann"),
        Recipient(UUID(desk.admin.id), "ann@clinic.example"),
        metadata=MessageMetadata(desk.clinic_id, template=template),
        channels=["email"],
        at=NOW,
    )
    with transaction() as session:
        insert_notifications(session, [rows[0] | {"state": state, "error": "550 no such user", "lead_id": lead_id}])
    return str(rows[0]["id"])


def states(desk: Desk) -> list[str]:
    return [row.state for row in desk.sql("SELECT state FROM notifications ORDER BY id")]


@pytest.mark.parametrize("by", ["menu", "keyboard"])
def test_card_moves_to_another_stage(browsing: Browsing, desk: Desk, by: str):
    desk.capture(first_name="Bea")
    lead = desk.capture()
    page = browsing.sign_in(desk.coordinator, "/board")
    if by == "menu":
        page.get_by_role("button", name="Move Ana Ruiz to…").click()
        page.get_by_role("menuitem", name="Contacted").click()
    else:
        page.get_by_role("button", name="Move Ana Ruiz to…").focus()
        expect(page.get_by_role("button", name="Move Ana Ruiz to…")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Contacted")).to_be_focused()
        page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Contacted").get_by_role("link", name="Ana Ruiz")).to_be_visible()
    expect(page.get_by_text("Ana Ruiz: moved to Contacted.")).to_be_visible()
    if by == "keyboard":
        expect(page.get_by_role("row", name="Bea Ruiz")).to_be_focused()  # the next card of the column
    assert desk.admin.get(f"/api/leads/{lead['id']}").body["pipeline_stage"] == "contacted"


def test_card_is_dragged_with_the_mouse(browsing: Browsing, desk: Desk):
    desk.capture()
    page = browsing.sign_in(desk.coordinator, "/board")
    card, target = page.get_by_role("row", name="Ana Ruiz"), page.get_by_role("grid", name="Contacted")
    card.drag_to(target)
    expect(page.get_by_text("Ana Ruiz: moved to Contacted.")).to_be_visible()


def test_refused_move_is_undone_and_explained(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    page = browsing.sign_in(desk.coordinator, "/board")
    page.get_by_role("button", name="Move Ana Ruiz to…").click()
    page.get_by_role("menuitem", name="New Lead").click()
    expect(page.locator(".toast.bad")).to_contain_text("Ana Ruiz stays: A lead cannot move back to an earlier stage")
    expect(page.get_by_role("region", name="Contacted").get_by_role("link", name="Ana Ruiz")).to_be_visible()


def test_refused_move_shows_where_a_colleague_has_moved_the_card(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    path = f"/api/leads/{lead['id']}/stage"
    assert desk.admin.post(path, {"stage": "contacted"}).status == 200
    page = browsing.sign_in(desk.coordinator, "/board")

    def move_before(route: Route) -> None:
        assert desk.admin.post(path, {"stage": "consultation_scheduled"}).status == 200
        route.continue_()

    page.route(re.compile(f"{path}$"), move_before)
    page.get_by_role("button", name="Move Ana Ruiz to…").click()
    page.get_by_role("menuitem", name="New Lead").click()
    expect(page.locator(".toast.bad")).to_contain_text("Ana Ruiz stays: A lead cannot move back")
    moved = page.get_by_role("region", name="Consultation Scheduled")
    expect(moved.get_by_role("link", name="Ana Ruiz")).to_be_visible()


def test_failed_message_is_shown_with_its_reason_and_sent_again(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    message(desk, NotificationState.FAILED, lead_id=UUID(lead["id"]))
    page = browsing.sign_in(desk.admin, "/messages")
    expect(page.get_by_role("cell", name="550 no such user")).to_be_visible()
    expect(page.get_by_role("link", name="Ana Ruiz")).to_have_attribute("href", f"/leads/{lead['id']}")
    page.get_by_role("button", name="Show the message: task-reminder").click()
    expect(dialog(page)).to_contain_text("Hello Ann")
    dialog(page).get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent again.")).to_be_visible()
    assert states(desk) != ["failed"]


def test_waiting_message_shows_its_wait_and_is_sent_now(browsing: Browsing, desk: Desk):
    waiting = message(desk, NotificationState.FAILED)
    with transaction() as session:
        hold(session, "The worker must not send it before it waits.")
    desk.admin.post(f"/api/notifications/{waiting}/retry")
    desk.sql(
        "UPDATE steps SET due_at = due_at + interval '1 hour', state = 'planned', waits_for = 'outage:email',"
        " reason = 'channel_down' WHERE kind LIKE 'deliver%'"
    )
    page = browsing.sign_in(desk.admin, "/messages?state=pending")
    page.get_by_role("button", name="Show the message: task-reminder").click()
    expect(dialog(page)).to_contain_text("For the mail server, the gateway or the sending account")
    dialog(page).get_by_role("button", name="Send now").click()
    expect(page.get_by_text("It is sent now.")).to_be_visible()
    assert [row.waits_for for row in desk.sql("SELECT waits_for FROM steps WHERE kind LIKE 'deliver%'")] == [None]


def test_many_unknown_messages_are_resolved_after_their_count(browsing: Browsing, desk: Desk):
    for _ in range(3):
        message(desk, NotificationState.UNKNOWN)
    page = browsing.sign_in(desk.admin, "/messages?state=unknown")
    page.get_by_role("button", name="All that match…").click()
    expect(dialog(page)).to_contain_text("3 messages match.")
    dialog(page).get_by_role("button", name="3 arrived").click()
    expect(page.get_by_text("3 done.")).to_be_visible()
    assert states(desk) == ["sent"] * 3


def test_outage_leads_to_the_messages_that_wait(browsing: Browsing, desk: Desk):
    message(desk, NotificationState.PENDING)
    desk.sql(
        "INSERT INTO channel_outages (target, failures, error, failing_since, opened_at, checked_at)"
        " VALUES ('email', 3, 'timed out', now() - interval '1 hour', now(), now())"
    )
    page = browsing.sign_in(desk.admin, "/messages")
    expect(page.get_by_text("That is good news.")).to_be_visible()
    notice = page.locator(".notice").filter(has_text="E-mail is down;")
    notice.get_by_role("button", name="Show what waits").click()
    expect(page.get_by_role("button", name="Show the message: task-reminder")).to_be_visible()
    browsing.open(page, "/operations")
    expect(page.get_by_text("E-mail is down;")).to_be_visible()


def test_few_failed_messages_need_no_spreading(browsing: Browsing, desk: Desk):
    for _ in range(2):
        message(desk, NotificationState.FAILED)
    page = browsing.sign_in(desk.admin, "/messages")
    page.get_by_role("button", name="All that match…").click()
    expect(dialog(page)).to_contain_text("2 messages match.")
    expect(dialog(page).get_by_label("Spread over (minutes)")).to_have_value("0")
    expect(dialog(page).get_by_role("button", name="Send 2 again")).to_be_enabled()


def test_failed_step_is_retried(browsing: Browsing, desk: Desk):
    desk.capture()
    desk.sql("UPDATE steps SET state = 'failed', error = 'boom', finished_at = now() WHERE name = 'no-contact-24h'")
    page = browsing.sign_in(desk.admin, "/operations")
    expect(page.get_by_text("boom")).to_be_visible()
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.get_by_text("The step runs again.")).to_be_visible()
    expect(page.get_by_text("No failed steps.")).to_be_visible()


def test_missing_workers_are_shown_when_no_sweep_finishes(browsing: Browsing, desk: Desk):
    desk.sql("DELETE FROM sweep_runs")
    desk.sql("INSERT INTO sweep_runs (name, started_at, finished_at, runs) VALUES"
             " ('publish_due_steps', now() - interval '2 hours', now() - interval '2 hours', 1),"
             " ('publish_lost', now() - interval '2 hours', NULL, 1)")  # fmt: skip
    page = browsing.sign_in(desk.admin, "/operations")
    expect(page.get_by_text("No sweep has finished for 2 h: start the workers.")).to_be_visible()
    expect(page.get_by_role("row", name="Publish lost")).to_contain_text("Not yet")


def test_many_failed_steps_are_retried_after_their_count(browsing: Browsing, desk: Desk):
    desk.multiply(desk.capture(), 2)
    desk.sql("UPDATE steps SET state = 'failed', error = 'boom', finished_at = now()")
    [row] = desk.sql("SELECT count(*) AS number FROM steps WHERE state = 'failed'")  # a worker may add others meanwhile
    page = browsing.sign_in(desk.admin, "/operations")
    page.get_by_role("button", name="Retry all that match…").click()
    dialog(page).get_by_role("button", name=f"Retry {row.number} failed steps").click()
    expect(page.get_by_text(f"{row.number} run again.")).to_be_visible()
    expect(page.get_by_text("No failed steps.")).to_be_visible()


def test_pages_of_admins_are_not_offered_to_others(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    expect(page.get_by_role("link", name="Operations")).to_have_count(0)
    page.goto("/operations")
    expect(page.get_by_role("heading", name="Your role does not include this page.")).to_be_visible()
