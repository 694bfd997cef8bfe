"""Imports whose chunks run in any order: the result is that of the file's order."""

import itertools
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clock import now
from app.core.db import transaction
from app.engine.jobs.split import Span, chunks_of, plan_chunks
from app.engine.models import Kind
from app.ops.embedded import Postgres
from tests.support.bulk import busy, chunks
from tests.support.desk import Desk
from tests.support.importing import send
from workers import runner

pytest_plugins = ["tests.support.desk"]

HEADINGS = "First name,Last name,Phone,E-mail,City,Notes"
Row = tuple[str, str, str, str, str]  # first name, phone, address, city, notes
NUMBERS = itertools.count()


def start(desk: Desk, rows: list[Row], *, on_duplicate: str, last_name: str = "Ruiz", size: int = 1000) -> Any:
    """Start the import of these rows in chunks of `size`. Return its job."""
    lines = (",".join([first, last_name, *others]) for first, *others in rows)
    kept = send(desk.admin, "\n".join([HEADINGS, *lines]).encode()).body
    body = {"source_id": desk.source_id, "on_duplicate": on_duplicate}
    answer = desk.admin.post(f"/api/imports/{kept['id']}/start", body)
    assert answer.status == 202, answer.body
    job = answer.body["job"]
    if size < len(rows) < 1000:
        desk.sql("DELETE FROM steps WHERE id = ANY(:ids)", ids=chunks(desk, job))
        plan(desk, job, list(chunks_of(len(rows), size)))
    return job


def plan(desk: Desk, job: Any, spans: list[Span]) -> None:
    with transaction() as session:
        plan_chunks(session, desk.clinic_id, UUID(job["id"]), spans, at=now())


def run(desk: Desk, step_id: UUID) -> None:
    """Run this step alone, now."""
    desk.sql("UPDATE steps SET due_at = now() - interval '1 second' WHERE id = :id", id=step_id)
    runner.run_again(Kind.IMPORT_CHUNK, [step_id])


def finish(desk: Desk, job: Any) -> None:
    """Run the steps that are left, in order."""
    while steps := chunks(desk, job):
        run(desk, steps[0])
    [ended] = desk.sql("SELECT state, total, done FROM jobs WHERE id = :id", id=job["id"])
    assert (ended.state, ended.done) == ("done", ended.total)


def leads(desk: Desk, last_name: str = "Ruiz") -> list[Row]:
    names = ("first_name", "phone", "email", "city", "notes")
    found = [one for one in desk.admin.every("/api/leads") if one["last_name"] == last_name]
    return sorted(tuple(desk.lead(one)[name] or "" for name in names) for one in found)  # type: ignore[misc]


def expected(rows: list[Row], *, on_duplicate: str) -> list[Row]:
    """Return the leads after all rows one by one: the newest lead with the phone number, else with the address."""
    found: list[list[str]] = []
    for row in rows:
        matches = [lead for column in (1, 2) for lead in found[::-1] if row[column] and lead[column] == row[column]]
        if not matches:
            found.append(list(row))
        elif on_duplicate == "update":
            matches[0][:] = [new or old for new, old in zip(row, matches[0], strict=True)]
    return sorted(tuple(lead) for lead in found)  # type: ignore[misc]


@st.composite
def files(draw: st.DrawFn) -> list[Row]:
    """Draw rows about few people, whose phone numbers and addresses change."""
    phone, email = st.integers(0, 3), st.integers(0, 3)
    either = st.tuples(phone, st.none() | email) | st.tuples(st.none(), email)
    text = st.sampled_from(["", "one", "two", "three"])
    drawn = draw(st.lists(st.tuples(either, text, text), max_size=9, min_size=2))
    return [
        (f"F{place}", "" if p is None else f"+1{p}", "" if e is None else f"{e}", city, notes)
        for place, ((p, e), city, notes) in enumerate(drawn)
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=files(), on_duplicate=st.sampled_from(["update", "skip"]), size=st.integers(1, 4), data=st.data())
def test_chunks_in_any_order_and_repeated_give_the_result_of_the_file(
    desk: Desk, file: list[Row], on_duplicate: str, size: int, data: st.DataObject
):
    number = next(NUMBERS)
    rows = [
        (
            first,
            phone and f"+1212{5550000 + 10 * number + int(phone[2:])}",
            email and f"a{number}.{email}@x.example",
            *more,
        )
        for first, phone, email, *more in file
    ]
    job = start(desk, rows, on_duplicate=on_duplicate, last_name=f"Case{number}", size=size)
    plan(desk, job, data.draw(st.lists(st.sampled_from([*chunks_of(len(rows), size)]), max_size=3)))  # repetitions
    for _ in range(data.draw(st.integers(0, 12))):
        if steps := chunks(desk, job):
            run(desk, data.draw(st.sampled_from(steps)))
    finish(desk, job)
    assert leads(desk, f"Case{number}") == expected(rows, on_duplicate=on_duplicate)


TWO = [("Ana", "+12125550143", "", "Paris", "Mornings"), ("Ana", "+12125550143", "", "Nice", "")]
BEN = ("Ben", "+12125550144", "", "Metz", "")


def test_later_chunk_waits_until_an_earlier_one_that_has_not_begun_is_finished(desk: Desk):
    job = start(desk, TWO, on_duplicate="update", size=1)
    first, second = chunks(desk, job)
    run(desk, second)
    assert leads(desk) == []
    [_, again] = chunks(desk, job)
    due = desk.sql("SELECT id, due_at FROM steps WHERE id IN (:one, :two) ORDER BY due_at", one=first, two=again)
    assert [step.id for step in due] == [first, again]  # a worker takes the earlier one first
    finish(desk, job)
    assert leads(desk) == [("Ana", "+12125550143", "", "Nice", "Mornings")]


def test_new_leads_without_comparison_do_not_wait(desk: Desk):
    job = start(desk, TWO, on_duplicate="create", size=1)
    run(desk, chunks(desk, job)[1])
    assert [lead[3] for lead in leads(desk)] == ["Nice"]


def test_chunk_that_failed_for_good_stops_no_other_and_its_retry_overwrites_no_later_row(desk: Desk):
    job = start(desk, [*TWO, BEN], on_duplicate="update", size=1)
    failed, second, third = chunks(desk, job)
    desk.sql("UPDATE steps SET state = 'failed', attempts = 5 WHERE id = :id", id=failed)
    run(desk, third)
    run(desk, second)
    finish_all_but(desk, failed)
    assert leads(desk) == [("Ana", "+12125550143", "", "Nice", ""), BEN]
    assert desk.admin.post(f"/api/steps/{failed}/retry").status == 200
    finish(desk, job)
    assert leads(desk) == [("Ana", "+12125550143", "", "Nice", "Mornings"), BEN]


def test_row_that_is_retried_fills_only_fields_that_later_rows_left_empty(desk: Desk):
    field = {"key": "shoe", "label": "Shoe", "type": "text"}
    assert desk.admin.post("/api/custom-fields", field).status == 201
    file = (
        b"First name,Last name,Patient first name,Phone,Source,City,Notes,custom.shoe,custom.other\n"
        b"Old,Ruiz,Older,212 555 0143,Fair,Paris,Mornings,38,\n"
        b"Ana,Ruiz,,212 555 0143,,Nice,,39,\n"
    )
    kept = send(desk.admin, file).body
    mapping = {column: field for column, field in kept["mapping"].items() if column != "custom.other"}
    options = {"source_id": desk.source_id, "on_duplicate": "update", "mapping": mapping}
    job = desk.admin.post(f"/api/imports/{kept['id']}/start", options).body["job"]
    run(desk, chunks(desk, job)[0])
    assert desk.sql("SELECT status FROM job_items ORDER BY position") == [("failed",), ("done",)]
    assert desk.admin.post("/api/lead-sources", {"name": "Fair", "category": "OTHER"}).status == 201
    assert desk.admin.post(f"/api/jobs/{job['id']}/retry-failed").status == 202
    finish(desk, job)
    [lead] = desk.admin.every("/api/leads")
    lead = desk.lead(lead)
    assert (lead["first_name"], lead["patient_first_name"], lead["city"]) == ("Ana", "Ana", "Nice")
    assert (lead["notes"], lead["custom"]) == ("Mornings", {"shoe": "39"})


def test_rows_about_a_locked_lead_stay_in_their_order(desk: Desk):
    ana, lyon = desk.capture(), ("Ana", "+12125550143", "ana@x.example", "Lyon", "")
    file = [
        TWO[0],
        BEN,
        TWO[1],
        lyon,
        ("Eve", "", "ana@x.example", "", "x"),
    ]
    job = start(desk, file, on_duplicate="update", size=4)
    first, second = chunks(desk, job)
    with busy(ana["id"]):
        run(desk, first)
    run(desk, second)
    assert desk.sql("SELECT count(*) FROM job_items WHERE status = 'pending'") == [(4,)]
    finish(desk, job)
    assert leads(desk) == [BEN, ("Eve", "+12125550143", "ana@x.example", "Lyon", "x")]


def test_chunk_with_a_row_that_cannot_be_written_keeps_the_order(desk: Desk, postgres: Postgres):
    rows = [*TWO, ("Bad", "+12125550145", "", "Oslo", ""), BEN, ("Ana", "+12125550143", "", "Lyon", "")]
    job = start(desk, rows, on_duplicate="update")
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE leads ADD CONSTRAINT no_oslo CHECK (city <> 'Oslo') NOT VALID")
    run(desk, chunks(desk, job)[0])
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE leads DROP CONSTRAINT no_oslo")
    assert chunks(desk, job) == []
    assert desk.sql("SELECT done, failed FROM jobs") == [(4, 1)]
    assert leads(desk) == [("Ana", "+12125550143", "", "Lyon", "Mornings"), BEN]


def finish_all_but(desk: Desk, step_id: UUID) -> None:
    while steps := desk.sql("SELECT id FROM steps WHERE kind = 'import_chunk' AND state IN ('planned', 'published')"):
        assert step_id not in {step.id for step in steps}
        run(desk, steps[0].id)
