"""The fields that an import can fill, with words and examples, for the user who maps the columns."""

import csv
import io
from typing import Any

from app.identity.models import Role
from app.leads.capture.imports.mapping import guess_mapping
from tests.support.desk import Desk
from tests.support.importing import send, work_off

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

PATH = "/api/imports/fields"


def fields(desk: Desk) -> dict[str, Any]:
    answer = desk.front_desk.get(PATH)
    assert answer.status == 200, answer.body
    return {one["name"]: one for one in answer.body["fields"]}


def test_every_alias_is_recognized_as_the_title_of_a_column(desk: Desk):
    for name, field in fields(desk).items():
        assert field["label"]
        assert field["description"].endswith(".")
        before = ["Phone"] if name == "phone_alt" else []  # the only phone number is the first one
        for title in (name, *field["aliases"]):
            assert guess_mapping([*before, title])[title] == name


def test_custom_fields_are_at_the_end(desk: Desk, other_desk: Desk):
    choice = {"key": "braces", "label": "Braces", "type": "choice", "options": ["metal", "clear"]}
    old = desk.admin.post("/api/custom-fields", {"key": "old", "label": "Old", "type": "text"}).body
    assert desk.admin.post("/api/custom-fields", choice).status == 201
    assert desk.admin.patch(f"/api/custom-fields/{old['id']}", {"archived": True}).status == 200
    *_, last = fields(desk).values()
    assert (last["name"], last["label"], last["examples"]) == ("custom.braces", "Braces", ["metal", "clear"])
    assert "custom.old" not in fields(desk)
    assert not any(one["is_custom"] for one in fields(other_desk).values())


def test_examples_can_be_imported(desk: Desk):
    values = {name: one["examples"][0] for name, one in fields(desk).items() if one["examples"]}
    del values["full_name"]  # instead of the first and the last name
    values |= {"source": desk.admin.get("/api/lead-sources").body["items"][0]["name"], "assigned_to": "Eva"}
    desk.hire(Role.TREATMENT_COORDINATOR, "Eva")
    file = io.StringIO()
    csv.writer(file).writerows([values.keys(), values.values()])
    kept = send(desk.admin, file.getvalue().encode()).body
    assert set(kept["mapping"].values()) == values.keys()
    done = work_off(desk.admin, kept)
    rows = desk.admin.every(f"/api/imports/{kept['id']}/rows")
    assert [(row["status"], row["error"]) for row in rows] == [("done", None)], done


def test_fields_need_the_permission_to_import(desk: Desk):
    assert desk.doctor.get(PATH).status == 403
