"""Message templates: variants by channel and language, validation and versions."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]

TEMPLATES = "/api/message-templates"
DEFAULT = {"subject": "Hello {{ lead.first_name }}", "body": "Hello {{ lead.first_name }}, this is {{ clinic.name }}."}
FRENCH = {"language": "fr", "subject": "Bonjour", "body": "Bonjour {{ lead.first_name }}"}
PICTURE = {"type": "image", "url": "https://media.example/smile.jpg"}
TEXT = {"channel": "http", "body": "Hi {{ lead.first_name }}", "media": PICTURE}
PLAIN = {"slug": "welcome", "name": "Welcome", "variants": [DEFAULT]}


def with_media(**other: str) -> dict[str, Any]:
    return {**TEXT, "media": {**PICTURE, **other}}


def make(desk: Desk, *variants: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = desk.admin.post(TEMPLATES, {**PLAIN, "variants": list(variants) or [DEFAULT], **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def path_of(template: dict[str, Any], *rest: str) -> str:
    return "/".join((TEMPLATES, template["id"], *rest))


def change(who: Caller, template: dict[str, Any], *, seen: str = "*", **given: Any) -> Answer:
    return who._send("PATCH", path_of(template), headers={"If-Match": seen}, json=given)


def test_templates_are_listed_by_recipient(desk: Desk):
    make(desk, DEFAULT)
    make(desk, {**DEFAULT, "body": "Dear{% if user.name %} {{ user.name }}{% endif %}"}, slug="reminder")
    listed = [
        {one["slug"] for one in desk.admin.every(TEMPLATES, **query)} & {"welcome", "reminder", "task-reminder"}
        for query in ({"recipient": "lead"}, {"recipient": "user"})
    ]
    assert listed == [{"welcome"}, {"reminder", "task-reminder"}]
    assert desk.admin.get(TEMPLATES, recipient="nobody").pointers == ["/recipient"]


def test_template_is_created_as_version_1(desk: Desk):
    template = make(desk, DEFAULT, FRENCH, TEXT, description="For new ones")
    assert (template["slug"], template["name"], template["description"]) == ("welcome", "Welcome", "For new ones")
    assert (template["number"], template["version"], template["created_by"]) == (1, 1, desk.admin.id)
    nothing = {
        "channel": None,
        "language": None,
        "subject": None,
        "media": None,
        "account": None,
        "provider_template": None,
    }
    assert template["variants"] == [
        {**nothing, **DEFAULT, "name": "any:default"},
        {**nothing, **FRENCH, "name": "any:fr"},
        {**nothing, **TEXT, "name": "http:default"},
    ]
    assert desk.admin.get(path_of(template)).body == template


def test_templates_of_the_playbook_exist_in_a_new_clinic(desk: Desk):
    listed = desk.admin.every(TEMPLATES, limit=2)
    assert [(one["slug"], one["name"], one["number"]) for one in listed] == [
        ("break-up-email", "Break up email", 1),
        ("consultation-confirmation", "Consultation confirmation", 1),
        ("escalation", "Escalation", 1),
        ("lost-suggested", "Lost suggested", 1),
        ("overdue-escalation", "Overdue escalation", 1),
        ("task-reminder", "Task reminder", 1),
    ]
    escalation = desk.admin.get(path_of(listed[2])).body
    assert (escalation["rules"], escalation["created_by"]) == (["no-contact-24h"], None)
    assert [text["name"] for text in escalation["variants"]] == ["any:default"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"slug": "Break Up"}, "/slug"),
        ({"slug": "invitation"}, "/slug"),  # its link sets a password
        ({"name": ""}, "/name"),
        ({"clinic_id": str(uuid4())}, "/clinic_id"),
        ({"number": 7}, "/number"),
        ({"variants": []}, "/variants"),
        ({"variants": [FRENCH]}, "/variants"),  # no default variant
        ({"variants": [DEFAULT, DEFAULT]}, "/variants"),
        ({"variants": [DEFAULT, {**FRENCH, "language": "FR"}, FRENCH]}, "/variants"),
        ({"variants": [{**DEFAULT, "channel": "fax"}]}, "/variants/0/channel"),
        ({"variants": [{**DEFAULT, "language": "French"}]}, "/variants/0/language"),
        ({"variants": [{"body": "Hello"}]}, "/variants/0/subject"),
        ({"variants": [DEFAULT, {"channel": "email", "body": "x"}]}, "/variants/1/subject"),
        ({"variants": [{**DEFAULT, "media": PICTURE}]}, "/variants/0/media"),
        ({"variants": [DEFAULT, with_media(type="pdf")]}, "/variants/1/media/type"),
        ({"variants": [DEFAULT, with_media(url="http://x.example/a")]}, "/variants/1/media/url"),
        *(
            ({"variants": [DEFAULT, with_media(url=f"https://{host}/a.jpg")]}, "/variants/1/media/url")
            for host in (
                "127.0.0.1",
                "10.1.2.3",
                "[::1]",
                "[::ffff:10.0.0.1]",
                "169.254.169.254",
                "0x7f.1",
                "localhost",
            )
        ),
        (
            {"variants": [DEFAULT, {**TEXT, "media": {**PICTURE, "url": "https://a:b@x.example"}}]},
            "/variants/1/media/url",
        ),
        (
            {"variants": [DEFAULT, {**TEXT, "media": {**PICTURE, "url": "https://x.example:x/"}}]},
            "/variants/1/media/url",
        ),
        ({"variants": [{**DEFAULT, "subject": "a\r\nBcc: eve@x.example"}]}, "/variants/0/subject"),
        ({"variants": [{**DEFAULT, "subject": "{{ lead.phone }}"}]}, "/variants/0/subject"),
        ({"variants": [{**DEFAULT, "body": "{% for x in y %}{% endfor %}"}]}, "/variants/0/body"),
        ({"variants": [DEFAULT, {**TEXT, "body": "{{ lead.first_name"}]}, "/variants/1/body"),
        ({"variants": [{**DEFAULT, "html": "<b>"}]}, "/variants/0/html"),
    ],
)
def test_validation_error_names_the_path(desk: Desk, given: dict[str, Any], pointer: str):
    assert desk.admin.post(TEMPLATES, {**PLAIN, **given}).pointers == [pointer]
    assert len(desk.admin.every(TEMPLATES)) == 6


def test_custom_fields_of_the_clinic_are_valid_variables(desk: Desk):
    desk.admin.post("/api/custom-fields", {"key": "school", "label": "School", "type": "text"})
    make(desk, {**DEFAULT, "body": "Of {{ custom.school }}"})
    wrong = {**PLAIN, "slug": "other", "variants": [{**DEFAULT, "body": "\nOf {{ custom.shcool }}"}]}
    answer = desk.admin.post(TEMPLATES, wrong)
    assert answer.pointers == ["/variants/0/body"]
    assert "line 1: 'custom.shcool' is not known; did you mean 'custom.school'?" in answer.body["errors"][0]["message"]


def test_slug_is_unique_in_a_clinic(desk: Desk, other_desk: Desk):
    make(desk)
    make(other_desk)
    assert desk.admin.post(TEMPLATES, PLAIN).body["code"] == "template-slug-taken"


def test_changed_text_creates_a_version_and_a_changed_name_does_not(desk: Desk):
    template = make(desk)
    named = change(desk.admin, template, name="Hello").body
    assert (named["name"], named["number"], named["version"]) == ("Hello", 1, 2)
    same = change(desk.admin, template, variants=[DEFAULT], description="The same").body
    assert (same["number"], same["version"]) == (1, 3)
    told = change(desk.admin, template, variants=[FRENCH, DEFAULT]).body
    assert (told["number"], told["version"], told["name"]) == (2, 4, "Hello")
    versions = desk.admin.every(path_of(template, "versions"), limit=1)
    assert [(one["number"], one["repeats"], one["created_by"]) for one in versions] == [
        (2, None, desk.admin.id),
        (1, None, desk.admin.id),
    ]
    assert [one["id"] for one in versions] == [told["version_id"], template["version_id"]]
    first = desk.admin.get(path_of(template, "versions", template["version_id"])).body
    assert (first["number"], first["variants"]) == (1, template["variants"])


def test_stale_update_is_refused(desk: Desk):
    template = make(desk)
    assert change(desk.admin, template, seen='"1"', name="A").status == 200
    assert change(desk.admin, template, seen='"1"', name="B").status == 412
    assert desk.admin._send("PATCH", path_of(template), json={"name": "B"}).status == 428
    assert desk.admin.delete(path_of(template), seen='"1"').status == 412
    etag = desk.admin.get(path_of(template)).headers["ETag"]
    assert change(desk.admin, template, seen=etag, name="C").status == 200
    assert change(desk.admin, template, slug="other").pointers == ["/slug"]


def test_concurrent_edits_are_versions_of_their_own(desk: Desk):
    template = make(desk)
    texts = [{**DEFAULT, "subject": f"Hello {number}"} for number in range(4)]
    answers = run_concurrently(
        *(partial(change, desk.hire(Role.CLINIC_ADMIN), template, variants=[text]) for text in texts)
    )
    assert sorted(answer.body["number"] for answer in answers) == [2, 3, 4, 5]
    said = {one["number"]: one["variants"][0]["subject"] for one in (answer.body for answer in answers)}
    assert sorted(said.values()) == [text["subject"] for text in texts]
    assert desk.admin.get(path_of(template)).body["variants"][0]["subject"] == said[5]


def test_one_of_two_concurrent_creations_with_the_same_slug_succeeds(desk: Desk):
    callers = [desk.hire(Role.CLINIC_ADMIN) for _ in range(4)]
    answers = run_concurrently(*(partial(who.post, TEMPLATES, PLAIN) for who in callers))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


def test_versions_are_compared_by_path(desk: Desk):
    template = make(desk, DEFAULT, FRENCH)
    other = {**DEFAULT, "subject": "Good day"}
    second = change(desk.admin, template, variants=[other, TEXT]).body
    third = change(desk.admin, template, variants=[other]).body

    def diff(version_id: str, **query: str) -> list[tuple[str, str]]:
        found = desk.admin.get(path_of(template, "versions", version_id, "diff"), **query)
        return [(one["change"], one["pointer"]) for one in found.body["differences"]]

    assert diff(second["version_id"]) == [
        ("changed", "/any:default/subject"),
        ("removed", "/any:fr"),
        ("added", "/http:default"),
    ]
    assert diff(third["version_id"], **{"from": template["version_id"]}) == [
        ("changed", "/any:default/subject"),
        ("removed", "/any:fr"),
    ]
    assert diff(template["version_id"]) == [("added", "/any:default"), ("added", "/any:fr")]
    assert diff(third["version_id"], **{"from": third["version_id"]}) == []
    shown = desk.admin.get(path_of(template, "versions", second["version_id"], "diff")).body["differences"][0]
    assert (shown["before"], shown["after"]) == (DEFAULT["subject"], "Good day")
    unknown = desk.admin.get(path_of(template, "versions", second["version_id"], "diff"), **{"from": str(uuid4())})
    assert unknown.pointers == ["/from"]


def test_rollback_creates_a_new_version_of_the_old_text(desk: Desk):
    template = make(desk)
    change(desk.admin, template, variants=[DEFAULT, FRENCH])
    back = desk.admin.post(path_of(template, "rollback"), {"version_id": template["version_id"]}).body
    assert (back["number"], back["variants"], back["version"]) == (3, template["variants"], 3)
    newest = desk.admin.every(path_of(template, "versions"))[0]
    assert (newest["number"], newest["repeats"]) == (3, 1)
    again = desk.admin.post(path_of(template, "rollback"), {"version_id": template["version_id"]})
    assert (again.status, again.body["code"]) == (409, "is-used-already")
    other = make(desk, slug="other")
    foreign = desk.admin.post(path_of(template, "rollback"), {"version_id": other["version_id"]})
    assert foreign.pointers == ["/version_id"]


def test_template_used_by_a_rule_cannot_be_deleted(desk: Desk):
    escalation = next(one for one in desk.admin.every(TEMPLATES) if one["slug"] == "escalation")
    refused = desk.admin.delete(path_of(escalation))
    assert (refused.status, refused.body["code"]) == (409, "template-in-use")
    assert refused.body["rules"] == ["no-contact-24h"]
    desk.sql("UPDATE rules SET active = false WHERE clinic_id = :c AND slug LIKE '%24h'", c=desk.clinic_id)
    assert desk.admin.delete(path_of(escalation)).status == 204
    assert desk.admin.get(path_of(escalation)).status == 404
    assert desk.sql("SELECT count(*) FROM message_template_versions WHERE clinic_id = :c", c=desk.clinic_id) == [(5,)]


@pytest.mark.parametrize("role", [Role.MANAGER, Role.DISPATCHER, Role.MARKETING_MANAGER])
def test_read_only_user_cannot_change_templates(desk: Desk, role: Role):
    template, reader = make(desk), desk.caller(role)
    assert reader.get(path_of(template)).body == template
    assert change(reader, template, name="x").status == 403
    assert reader.post(TEMPLATES, PLAIN).status == 403
    assert desk.doctor.get(TEMPLATES).status == 403


def test_audit_log_has_changed_texts_and_the_user(desk: Desk):
    template = make(desk)
    change(desk.admin, template, name="Hello", variants=[FRENCH, DEFAULT])
    record = desk.admin.every("/api/audit", subject="message_template")
    assert {tuple(entry["ids"]) for entry in record} == {(template["id"],)}
    assert [(entry["act"], entry["before"]) for entry in record] == [
        ("update", {"number": 1}),
        ("update", {"name": "Welcome"}),
        ("create", None),
    ]
    texts = desk.admin.every("/api/audit", subject="message_template_version")
    assert [(entry["act"], entry["after"]["number"]) for entry in texts] == [("create", 2), ("create", 1)]
