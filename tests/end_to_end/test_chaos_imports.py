"""A worker is killed in the first chunk of a file, while another worker has the second one."""

from typing import Any

from sqlalchemy import text

from app.core.db import transaction
from tests.support.chaos import Scene, ready
from tests.support.processes import wait_until

OTHERS = "".join(f"A,B{n},b{n}@lead.example,,\n" for n in range(999))
FILE = (
    f"First name,Last name,E-mail,City,Notes\nAna,Ruiz,ana@lead.example,Paris,Mornings\n{OTHERS}"
    "Ana,Ruiz,ana@lead.example,Nice,\nBen,Ott,ben@lead.example,Metz,\n"
)


def test_older_row_does_not_overwrite_later_one_after_its_worker_was_killed(scene: Scene) -> None:
    slow, beat = scene.start_worker("bulk", 1, "tests.support.slow_import_worker"), scene.start_beat()
    clinic = scene.open()
    ready(slow)
    kept = clinic.send("/api/imports", FILE.encode(), "text/csv").json()
    options = {"source_id": clinic.source_id, "on_duplicate": "update"}
    assert clinic.post(f"/api/imports/{kept['id']}/start", options).status_code == 202
    slow.wait_for("The first chunk is written.")
    other = scene.start_worker("bulk", 1)
    wait_until(lambda: bool(found("SELECT 1 FROM pg_locks WHERE NOT granted")), 60, "the second chunk to wait")
    slow.kill()
    wait_until(lambda: found("SELECT state FROM jobs") == [("done",)], 120, "the job to end")

    assert found("SELECT done, failed, reached FROM jobs") == [(1002, 0, 1002)]
    [ana] = [one for one in clinic.get("/api/leads", q="Ana").json()["items"] if one["last_name"] == "Ruiz"]
    lead = clinic.get(f"/api/leads/{ana['id']}").json()
    assert (lead["city"], lead["notes"]) == ("Nice", "Mornings")
    assert found("SELECT count(*), count(DISTINCT email_blind) FROM leads") == [(1001, 1001)]
    assert found("SELECT count(*) FROM lead_touches") == [(1001,)]
    assert found("SELECT position, reason FROM job_items WHERE reason IS NOT NULL") == [(1000, "updated")]
    assert other.is_running()
    assert beat.is_running()


def found(query: str) -> list[Any]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(query))]
