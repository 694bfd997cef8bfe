"""Web forms: configuration, and submissions of visitors."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import event

from app.config import Environment
from app.core.db import engine
from app.leads.fields import ON_FORMS
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

SITE = "https://clinic.example"
ASKED = [{"name": name, "required": name == "phone"} for name in ("first_name", "last_name", "phone", "email", "notes")]
VISITOR = {"first_name": "Ana", "last_name": "Ruiz", "phone": "(212) 555-0143"}


def set_up(desk: Desk, **more: Any) -> dict[str, Any]:
    body = {"name": "Contact", "allowed_origins": [SITE], "source_id": desk.source_id, "fields": ASKED, **more}
    answer = desk.admin.post("/api/web-forms", body)
    assert answer.status == 201, answer.body
    form: dict[str, Any] = answer.body
    return form


def send(desk: Desk, form: Any, *, origin: str | None = SITE, method: str = "POST", **what: Any) -> Answer:
    """Send `json` or `data` as a page of that origin."""
    headers = {} if origin is None else {"Origin": origin}
    answer = desk.client().open(f"/api/public/forms/{form['key']}/leads", method=method, headers=headers, **what)
    return Answer(answer.status_code, json.loads(answer.data) if answer.data else None, answer.headers)


def leads(desk: Desk) -> list[dict[str, Any]]:
    return desk.admin.every("/api/leads")


def the_touch(desk: Desk) -> dict[str, Any]:
    [lead] = leads(desk)
    [touch] = desk.admin.every(f"/api/leads/{lead['id']}/touches")
    return touch


def source(desk: Desk, name: str) -> dict[str, Any]:
    return next(source for source in desk.admin.every("/api/lead-sources") if source["name"] == name)


def test_submission_creates_a_lead_and_returns_none_of_its_data(desk: Desk):
    form = set_up(desk, thank_you="We call you.", campaign="spring")
    answer = send(desk, form, json={**VISITOR, "notes": "Braces?"})
    assert answer.status == 202
    assert answer.body == {"accepted": True, "thank_you": "We call you.", "redirect_url": None}
    assert "Location" not in answer.headers
    [lead] = leads(desk)
    assert (lead["phone"], lead["capture_channel"], lead["created_by"]) == ("+12125550143", "WEB_FORM", None)
    assert (lead["source_id"], lead["source_campaign"]) == (desk.source_id, "spring")
    assert [step["name"] for step in desk.steps(lead)] == ["speed-to-lead", "no-contact-24h"]
    assert (the_touch(desk)["form_id"], the_touch(desk)["channel"]) == (form["id"], "WEB_FORM")


@pytest.mark.parametrize(
    ("given", "name"),
    [({}, "Unknown Caller"), ({"first_name": "Ana"}, "Ana Unknown"), ({"last_name": "Ruiz"}, "Unknown Ruiz")],
)
def test_missing_name_is_unknown(desk: Desk, given: dict[str, str], name: str):
    assert send(desk, set_up(desk), json={"phone": VISITOR["phone"], **given}).status == 202
    [lead] = leads(desk)
    assert f"{lead['first_name']} {lead['last_name']}" == name


def test_audit_log_has_no_user_for_a_submission(desk: Desk):
    send(desk, set_up(desk), json=VISITOR)
    [lead] = desk.admin.every("/api/leads")
    made = [entry for entry in desk.admin.every("/api/audit", subject_id=lead["id"]) if entry["act"] == "create"]
    assert [(entry["operation"], entry["user_id"], entry["address"]) for entry in made] == [
        ("public-forms.submit_form", None, "127.0.0.1")
    ]


def test_form_works_without_javascript(desk: Desk):
    form = set_up(desk, redirect_url="https://clinic.example/thanks", consent_text="You may write to me.")
    answer = send(desk, form, data={**VISITOR, "email": "", "notes": "One\r\ntwo", "consent": "on"})
    assert (answer.status, answer.headers["Location"]) == (303, "https://clinic.example/thanks")
    [lead] = leads(desk)
    assert (lead["email"], lead["notes"]) == (None, "One\ntwo")
    assert the_touch(desk)["consent_text"] == "You may write to me."


class Inputs(HTMLParser):
    """The action of a form, and the attributes of its inputs by name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.named = "", dict[str, dict[str, str | None]]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given["action"] or ""
        if tag in {"input", "select", "textarea"}:
            self.named[str(given["name"])] = {**given, "tag": tag}


def html_of(desk: Desk, form: Any) -> str:
    answer = desk.admin.get(f"/api/web-forms/{form['id']}/html")
    assert answer.status == 200, answer.body
    return str(answer.body["html"])


def test_html_of_a_form_has_its_fields_and_address(desk: Desk):
    every = [{"name": name, "required": name == "email"} for name in ON_FORMS]
    form = set_up(desk, fields=every, consent_text="You may <call> me & write.")
    html = html_of(desk, form)
    inputs = Inputs(html)
    assert inputs.action.endswith(f"/api/public/forms/{form['key']}/leads")
    assert list(inputs.named) == [*ON_FORMS, "website", "consent"]
    assert [name for name, given in inputs.named.items() if "required" in given] == ["email"]
    assert "You may &lt;call&gt; me &amp; write." in html
    assert "consent" not in Inputs(html_of(desk, set_up(desk, name="Short"))).named


@pytest.mark.parametrize("name", [name for name, field in ON_FORMS.items() if not field.kind.options])
def test_html_takes_no_longer_texts_than_the_api(desk: Desk, name: str):
    """A visitor who may type more than the API takes would lose the form."""
    form = set_up(desk, fields=[{"name": one, "required": False} for one in {name, "phone"}])
    longest = int(Inputs(html_of(desk, form)).named[name]["maxlength"] or 0)
    word = {"email": "a@b.example", "phone": "+12125550143"}.get(name, "x" * longest)
    assert send(desk, form, data={"phone": VISITOR["phone"], name: word.ljust(longest)}).status == 202


def test_html_is_as_the_fields_declare_it(desk: Desk):
    form = set_up(desk, fields=[{"name": name, "required": name == "phone"} for name in ON_FORMS])
    lines = html_of(desk, form).splitlines()
    for line in (
        '<label>First name <input name="first_name" type="text" autocomplete="given-name" maxlength="100"></label>',
        '<label>E-mail address <input name="email" type="email" autocomplete="email" maxlength="254"></label>',
        '<label>Phone <input name="phone" type="tel" autocomplete="tel" maxlength="50" required></label>',
        '<label>Postal code <input name="postal_code" type="text" autocomplete="postal-code" maxlength="20"></label>',
        '<label>Your message <textarea name="notes" maxlength="5000"></textarea></label>',
    ):
        assert f"  <p>{line}</p>" in lines
    select = '<label>Treatment interest <select name="treatment_interest"><option value=""></option>'
    assert f'  <p>{select}<option value="BRACES_METAL">Braces metal</option>' in "\n".join(lines)


def test_browser_without_scripts_gets_a_page(desk: Desk):
    form = set_up(desk, thank_you="Thank you!\nWe call <you>.")
    accepts = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = desk.client().post(f"/api/public/forms/{form['key']}/leads", data=VISITOR, headers=accepts)
    assert (answer.status_code, answer.mimetype) == (202, "text/html")
    assert "<h1>Thank you!</h1><p>We call &lt;you&gt;.</p>" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert len(leads(desk)) == 1


@pytest.mark.parametrize(
    ("given", "key", "status", "words"),
    [
        ({"phone": "<none>"}, None, 422, "<p>Phone: "),
        ({"city": "Lyon"}, None, 422, "<p>City: Unknown field.</p><p>Phone: "),
        (VISITOR, "wf_unknown", 404, "<p>This form is no longer in use.</p>"),
    ],
)
def test_refused_form_is_explained_on_a_page(desk: Desk, given: Any, key: str | None, status: int, words: str):
    key = key or set_up(desk)["key"]
    answer = desk.client().post(f"/api/public/forms/{key}/leads", data=given, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert "<h1>The form was not sent</h1>" in answer.text
    assert words in answer.text
    assert "<none>" not in answer.text
    assert leads(desk) == []


def test_source_is_chosen_by_utm_source(desk: Desk):
    ads = source(desk, "Web advertising")
    edited = desk.admin.put(
        f"/api/lead-sources/{ads['id']}",
        {"name": ads["name"], "category": ads["category"], "aliases": ["Google", "adwords"]},
    )
    assert edited.body["aliases"] == ["google", "adwords"]
    form = set_up(desk, campaign="spring")
    for utm, found in (
        ("GOOGLE", ads["id"]),
        ("social MEDIA", source(desk, "Social media")["id"]),
        ("x", desk.source_id),
    ):
        assert send(desk, form, json={**VISITOR, "utm_source": utm, "utm_campaign": "fall"}).status == 202
        lead = leads(desk)[0]
        assert (lead["source_id"], lead["source_campaign"]) == (found, "fall"), utm


def test_submission_is_accepted_with_an_archived_source(desk: Desk):
    form = set_up(desk)
    own = next(one for one in desk.admin.every("/api/lead-sources") if one["id"] == desk.source_id)
    given_up = {"name": own["name"], "category": own["category"], "is_active": False}
    assert desk.admin.put(f"/api/lead-sources/{own['id']}", given_up).status == 200
    assert send(desk, form, json=VISITOR).status == 202
    assert leads(desk)[0]["source_id"] == source(desk, "Other")["id"]


def test_consent_is_stored_with_wording_and_time(desk: Desk):
    form = set_up(desk, consent_text="You may write to me.")
    send(desk, form, json={**VISITOR, "consent": True})
    touch = the_touch(desk)
    assert touch["consent_text"] == "You may write to me."
    assert touch["consent_at"] <= touch["occurred_at"]
    send(desk, form, json={**VISITOR, "consent": False})
    [touch] = desk.admin.every(f"/api/leads/{leads(desk)[0]['id']}/touches")
    assert (touch["consent_text"], touch["consent_at"]) == (None, None)


def test_honeypot_submission_is_accepted_and_dropped(desk: Desk):
    form = set_up(desk, thank_you="We call you.")
    trapped = send(desk, form, json={**VISITOR, "website": "https://spam.example"})
    assert (trapped.status, trapped.body) == (202, send(desk, form, json=VISITOR).body)
    assert len(leads(desk)) == 1


def test_cors_allows_the_origins_of_the_form_only(desk: Desk):
    form = set_up(desk)
    allowed = send(desk, form, json=VISITOR)
    assert (allowed.headers["Access-Control-Allow-Origin"], allowed.headers["Vary"]) == (SITE, "Origin, Accept")
    for origin in ("https://evil.example", "http://clinic.example", "https://clinic.example.evil.example", "null"):
        refused = send(desk, form, origin=origin, json=VISITOR)
        assert refused.status == 403
        assert not [name for name, _ in refused.headers if name.startswith("Access-Control")]
    assert send(desk, form, origin=None, json=VISITOR).status == 202
    assert len(leads(desk)) == 2


def test_validation_errors_are_returned_to_the_page(desk: Desk):
    answer = send(desk, set_up(desk), json={"phone": "none"})
    assert answer.pointers == ["/phone"]
    assert answer.headers["Access-Control-Allow-Origin"] == SITE


def test_cors_preflight_is_answered(desk: Desk):
    form = set_up(desk)
    answer = send(desk, form, method="OPTIONS")
    assert (answer.status, answer.body) == (204, None)
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"
    refused = send(desk, form, method="OPTIONS", origin="https://evil.example")
    assert refused.status == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert send(desk, {"key": "wf_x"}, method="OPTIONS").status == 404


def test_only_post_is_accepted(desk: Desk):
    form = set_up(desk)
    assert [send(desk, form, method=method).status for method in ("GET", "PUT", "DELETE")] == [405, 405, 405]


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"email": "ana@people.org"}, ["/phone"]),
        ({**VISITOR, "email": "no address"}, ["/email"]),
        ({**VISITOR, "city": "Chicago"}, ["/city"]),
        ({**VISITOR, "clinic_id": "x"}, ["/clinic_id"]),
        ({**VISITOR, "status": "CONVERTED"}, ["/status"]),
        ({**VISITOR, "utm_source": "x" * 201}, ["/utm_source"]),
        ({**VISITOR, "first_name": "Win at https://evil.example"}, ["/first_name"]),
    ],
)
def test_unknown_or_invalid_field_is_refused(desk: Desk, given: Any, pointers: list[str]):
    form = set_up(desk)
    assert send(desk, form, json=given).pointers == pointers
    assert send(desk, form, data=given).pointers == pointers
    assert leads(desk) == []


def test_body_size_and_content_types_are_limited(desk: Desk):
    form = set_up(desk)
    large = {**VISITOR, "notes": "x" * 70_000}
    assert [send(desk, form, **body).status for body in ({"json": large}, {"data": large})] == [413, 413]
    assert send(desk, form, data=b"x", content_type="text/plain").status == 415
    assert send(desk, form, data=b"{", content_type="application/json").status == 400
    assert send(desk, form, data=b"phone=1&phone=2", content_type="application/x-www-form-urlencoded").status == 422


def test_unknown_key_is_not_found(desk: Desk):
    form = set_up(desk)
    assert send(desk, {"key": "wf_unknown"}, json=VISITOR).status == 404
    desk.admin.put(f"/api/web-forms/{form['id']}", {**changed(form), "is_active": False})
    assert send(desk, form, json=VISITOR).status == 404


def changed(form: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = {"id", "key", "created_at", "updated_at", "version"}
    return {name: value for name, value in form.items() if name not in own} | more


def test_key_can_be_rotated(desk: Desk):
    form = set_up(desk)
    rotated = desk.admin.post(f"/api/web-forms/{form['id']}/rotate-key").body
    assert rotated["key"] != form["key"]
    assert [send(desk, one, json=VISITOR).status for one in (form, rotated)] == [404, 202]


def test_submissions_per_address_are_limited(desk: Desk, configure: Callable[..., None]):
    configure(form_posts_per_minute=3)
    form = set_up(desk)
    answers = [send(desk, form, json=VISITOR) for _ in range(5)]
    assert [answer.status for answer in answers] == [202, 202, 202, 429, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].headers["Access-Control-Allow-Origin"] == SITE
    assert len(leads(desk)) == 3


def test_submissions_per_form_are_limited_over_all_addresses(desk: Desk, configure: Callable[..., None]):
    configure(form_posts_per_form=3)
    form, other = set_up(desk), set_up(desk, name="Landing page")
    answers = [
        send(desk, form, json=VISITOR, environ_base={"REMOTE_ADDR": f"203.0.113.{number}"}).status
        for number in range(5)
    ]
    assert answers == [202, 202, 202, 429, 429]
    assert send(desk, other, json=VISITOR, environ_base={"REMOTE_ADDR": "203.0.113.1"}).status == 202


def test_addresses_of_one_ipv6_network_share_their_submissions(desk: Desk, configure: Callable[..., None]):
    configure(form_posts_per_minute=3)
    form = set_up(desk)
    answers = [
        send(desk, form, json=VISITOR, environ_base={"REMOTE_ADDR": f"2001:db8:1:2::{number}"}).status
        for number in range(1, 6)
    ]
    assert answers == [202, 202, 202, 429, 429]


def test_submission_needs_the_same_few_statements_however_many_came_before(desk: Desk):
    form = set_up(desk)
    counts = []
    for number in range(12):
        with statements() as seen:
            sent = {**VISITOR, "phone": f"(212) 555-01{number:02}", "last_name": f"Ruiz{number}"}
            assert send(desk, form, json=sent).status == 202
        counts.append(len(seen))
    assert len(set(counts[2:])) == 1, counts  # the first ones fill caches
    assert counts[-1] < 40


@contextmanager
def statements() -> Iterator[list[str]]:
    """Yield a list that gets each statement sent to the database meanwhile."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    event.listen(engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine(), "before_cursor_execute", note)


def test_forms_can_be_listed_read_and_changed(desk: Desk):
    form = set_up(desk)
    other = set_up(desk, name="Landing page", is_active=False)
    assert [one["id"] for one in desk.admin.every("/api/web-forms")] == [form["id"], other["id"]]
    assert [one["id"] for one in desk.admin.every("/api/web-forms", is_active="false")] == [other["id"]]
    shown = desk.admin.get(f"/api/web-forms/{form['id']}")
    assert shown.body == form
    edited = desk.admin.put(f"/api/web-forms/{form['id']}", changed(form, name="Braces"), seen=shown.headers["ETag"])
    assert (edited.status, edited.body["name"], edited.body["key"]) == (200, "Braces", form["key"])
    assert desk.admin.put(f"/api/web-forms/{form['id']}", changed(form), seen=shown.headers["ETag"]).status == 412
    assert desk.admin.put(f"/api/web-forms/{form['id']}", changed(form, name="Landing page")).status == 409


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"fields": [{"name": "first_name"}]}, ["/fields"]),
        ({"fields": [{"name": "phone"}, {"name": "phone"}]}, ["/fields"]),
        ({"fields": [{"name": "patient_dob"}]}, ["/fields/0/name"]),
        ({"allowed_origins": ["https://clinic.example/path"]}, ["/allowed_origins/0"]),
        ({"allowed_origins": ["*"]}, ["/allowed_origins/0"]),
        ({"redirect_url": "javascript:alert(1)"}, ["/redirect_url"]),
        ({"redirect_url": "http://clinic.example/thanks"}, ["/redirect_url"]),
        ({"redirect_url": "http://127.0.0.1.clinic.example/"}, ["/redirect_url"]),
        ({"allowed_origins": ["http://clinic.example"]}, ["/allowed_origins/0"]),
        ({"name": "Contact\u202etcatnoC"}, ["/name"]),
        ({"key": "mine"}, ["/key"]),
    ],
)
def test_invalid_form_is_refused(desk: Desk, more: Any, pointers: list[str]):
    body = {"name": "x", "allowed_origins": [SITE], "source_id": desk.source_id, "fields": ASKED, **more}
    assert desk.admin.post("/api/web-forms", body).pointers == pointers


def test_source_must_belong_to_the_clinic(desk: Desk, other_desk: Desk):
    body = {"name": "x", "allowed_origins": [SITE], "source_id": other_desk.source_id, "fields": ASKED}
    assert desk.admin.post("/api/web-forms", body).pointers == ["/source_id"]


def test_malformed_key_is_not_found(desk: Desk):
    assert desk.client().post("/api/public/forms/%00/leads", json={}).status_code == 404


LOCAL = {"allowed_origins": ["http://localhost:3000"], "redirect_url": "http://127.0.0.1:3000/thanks"}


def test_http_is_allowed_for_this_machine_during_development_only(desk: Desk, configure: Callable[..., None]):
    body = {"name": "x", "source_id": desk.source_id, "fields": ASKED, **LOCAL}
    assert desk.admin.post("/api/web-forms", body).status == 201
    configure(relance_env=Environment.PRODUCTION)
    assert desk.admin.post("/api/web-forms", body).pointers == ["/allowed_origins/0", "/redirect_url"]
