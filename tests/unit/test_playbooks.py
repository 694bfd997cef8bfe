"""Validation of playbooks: shipped ones are valid, and each error names its path."""

import copy
from typing import Any

import pytest
import yaml

from app.automation.language.actions import rule_actions
from app.automation.language.sequences import sequence_actions
from app.automation.playbooks import shipped
from app.core.validation.validation_errors import InvalidPlaybook
from app.engine.models import Kind
from app.engine.rules.rules import read_rule
from app.engine.step_kind import STEP_KINDS
from app.leads.pipeline.defaults import default_stages
from app.messaging.templates.library import check_templates

CALL = {"create_task": {"type": "CALL", "title": "Call back"}}
MAIL = {"send_message": {"channel": "email", "template": "hello"}}
TELL = {"remind": {"channels": ["email", "in_app"], "template": "hello"}}
RIGHT: dict[str, Any] = {
    "name": "ours",
    "rules": [{"name": "call-back", "on": "task.created", "do": [CALL, MAIL, TELL]}],
    "templates": {"hello": {"subject": "Hello", "body": "Hello"}},
}
UNSET = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the valid playbook with one value changed; `path` is written as in errors."""
    document = copy.deepcopy(RIGHT)
    *way, last = [int(key) if key.isdigit() else key for key in path.replace("[", ".").replace("]", "").split(".")]
    place: Any = document
    for key in way:
        place = place[key]
    if value is UNSET:
        del place[last]
    else:
        place[last] = value
    return document


def mistakes_in(document: object) -> dict[str, str]:
    with pytest.raises(InvalidPlaybook) as refused:
        shipped.read(document if isinstance(document, str) else yaml.safe_dump(document))
    assert str(refused.value)
    return {mistake.place: mistake.problem for mistake in refused.value.mistakes}


def test_valid_playbook_is_loaded():
    playbook = shipped.read(yaml.safe_dump(RIGHT))

    assert (playbook.name, len(playbook.rules), list(playbook.templates)) == ("ours", 1, ["hello"])


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_sequence_that_asks_for_a_click_sends_a_link_before(name: str):
    playbook = shipped.load(name)
    for sequence in playbook.sequences:
        last = ""
        for step in sequence["steps"]:
            message = step.get("send_message")
            if message is not None and message["channel"] == "email":
                last = playbook.templates[message["template"]]["body"]
            asked = str(step.get("branch", {}).get("if", ""))
            assert "last_clicked" not in asked or message is not None or "https://" in last, (name, step["name"])


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_playbook_is_valid(name: str):
    playbook = shipped.load(name)

    assert playbook.name == name
    assert not check_templates(playbook.templates)
    assert [read_rule(rule).slug for rule in playbook.rules] == [rule["name"] for rule in playbook.rules]


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_parts_have_descriptions(name: str):
    playbook = shipped.load(name)
    assert playbook.title != playbook.name
    assert playbook.description
    assert [part["name"] for part in (*playbook.rules, *playbook.sequences) if not part.get("description")] == []


def test_default_playbook_has_the_documented_rules():
    assert [rule["name"] for rule in shipped.load("orthodontics").rules] == [
        "speed-to-lead",
        "task-reminder",
        "no-contact-24h",
        "overdue-24h",
        "consultation-confirmation",
        "consultation-confirmation-without-time",
        "post-consult-follow-up",
        "pending-decision-check-in",
        "break-up-email",
        "break-up-email-after-message",
        "decide-what-is-next",
    ]


def test_default_playbook_uses_the_default_stages():
    slugs = {stage.slug for stage in default_stages()}
    conditions = [
        condition
        for rule in shipped.load("orthodontics").rules
        for key in ("when", "only_if", "unless")
        for condition in rule.get(key, ())
        if condition["field"] in {"lead.pipeline_stage", "event.stage"}
    ]

    assert conditions
    for condition in conditions:
        assert {condition.get("equals", "new_lead"), *condition.get("in", [])} <= slugs


def test_rules_and_sequences_know_every_step_kind():
    deliveries = {Kind.DELIVER, Kind.DELIVER_TO_USER, Kind.DELIVER_ACCOUNT_EMAIL, Kind.POST_WEBHOOKS}
    by_themselves = {*deliveries, Kind.IMPORT_CHUNK, Kind.SEND_DIGEST, Kind.SEND_REPORT}
    assert {*rule_actions(), *sequence_actions()} == {*STEP_KINDS} - by_themselves


RULE, FIRST = "rules[0]", "rules[0].do[0]"
TASK, SEND, REMIND = "rules[0].do[0].create_task", "rules[0].do[1].send_message", "rules[0].do[2].remind"

HTTP = {"channel": "http", "template": "hello"}
SMILE = "https://clinic.example/smile.png"


def test_gateway_messages_may_have_media_and_webhooks_are_allowed():
    picture = {**HTTP, "type": "image", "media_url": SMILE, "gateway": "social-desk", "transactional": True}
    document = changed(f"{RULE}.do", [{"send_message": picture}, {"call_webhook": {"gateway": "crm"}}])
    [rule] = shipped.read(yaml.safe_dump(document)).rules
    assert [(action.kind, action.settings) for action in read_rule(rule).actions] == [
        (Kind.SEND_MESSAGE, picture),
        (Kind.CALL_WEBHOOK, {"gateway": "crm"}),
    ]


@pytest.mark.parametrize(
    ("path", "value", "place", "problem"),
    [
        # the playbook
        ("name", UNSET, "playbook.name", "is missing"),
        ("name", None, "name", "must be text in one line"),
        ("name", "two\nlines", "name", "must be text in one line"),
        ("ruels", [], "playbook.ruels", "did you mean 'rules'?"),
        ("rules", UNSET, "playbook.rules", "is missing"),
        ("rules", {}, "rules", "must be a list"),
        ("rules", None, "rules", "must be a list"),
        ("templates", [], None, ""),  # none at all is as good as an empty mapping; but then `hello` is missing
        ("templates", "hello", "templates", "must map at most 200 slugs"),
        ("templates.hello", "Hello", "templates.hello", "must be a mapping with subject and body"),
        # a rule
        (RULE, "call-back", RULE, "must be a mapping"),
        (f"{RULE}.whne", [], f"{RULE}.whne", "did you mean 'when'?"),
        (f"{RULE}.name", UNSET, f"{RULE}.name", "is missing"),
        (f"{RULE}.name", "Call Back", f"{RULE}.name", "must be a slug such as"),
        (f"{RULE}.name", 2026, f"{RULE}.name", "must be a slug such as"),
        (f"{RULE}.name", "a" * 101, f"{RULE}.name", "of at most 100"),
        (f"{RULE}.on", UNSET, f"{RULE}.on", "is missing"),
        (f"{RULE}.on", "task.creatd", f"{RULE}.on[0]", "did you mean 'task.created'?"),
        (f"{RULE}.on", ["task.created", "task.don"], f"{RULE}.on[1]", "is not known"),
        (f"{RULE}.on", [], f"{RULE}.on", "must be an event or a list of events"),
        (f"{RULE}.on", {"task": "created"}, f"{RULE}.on", "must be an event or a list of events"),
        (f"{RULE}.stop_on", "lead.created", f"{RULE}.stop_on[0]", "is not known"),  # it stops nothing
        (f"{RULE}.stop_on", ["lead.replyed"], f"{RULE}.stop_on[0]", "did you mean 'lead.replied'?"),
        (f"{RULE}.when", [{"field": "lead.statsu", "equals": 1}], f"{RULE}.when[0].field", "mean 'lead.status'?"),
        (f"{RULE}.only_if", {"field": "lead.status"}, f"{RULE}.only_if", "must be a list of conditions"),
        (f"{RULE}.unless", [{"any": []}], f"{RULE}.unless[0].any", "must stand alone and hold a list"),
        # facts that are unknown at planning time, or at the due time
        (f"{RULE}.when", [{"field": "since.replied", "equals": True}], f"{RULE}.when[0].field", "is not known"),
        (f"{RULE}.only_if", [{"field": "event.stage", "equals": "x"}], f"{RULE}.only_if[0].field", "is not known"),
        (f"{TASK}.title", "Call {{ lead.first_nam }}", f"{TASK}.title", ""),
        (f"{TASK}.title", "Call {{ lead.first_name", f"{TASK}.title", ""),
        (f"{TASK}.title", "Call {{ user.name }}", f"{TASK}.title", "Only these fields are available here"),
        # values that the field can never have
        (f"{RULE}.when", [{"field": "lead.score", "equals": "high"}], f"{RULE}.when[0].equals", "must be a number"),
        (f"{RULE}.when", [{"field": "lead.score", "not_equals": True}], f"{RULE}.when[0].not_equals", "a number"),
        (f"{RULE}.when", [{"field": "lead.score", "in": [1, "2"]}], f"{RULE}.when[0].in[1]", "must be a number"),
        (f"{RULE}.when", [{"field": "lead.postal_code", "equals": 10001}], f"{RULE}.when[0].equals", "a text"),
        (f"{RULE}.unless", [{"field": "since.replied", "equals": "yes"}], f"{RULE}.unless[0].equals", "true or false"),
        (f"{RULE}.when", [{"field": "lead.capture_channel", "equals": "web_form"}], f"{RULE}.when[0].equals",
         "did you mean 'WEB_FORM'?"),
        (f"{RULE}.when", [{"field": "event.outcome", "not_in": ["spok"]}], f"{RULE}.when[0].not_in[0]",
         "did you mean 'spoke'?"),
        (f"{RULE}.when", [{"field": "event.type", "equals": "CAL"}], f"{RULE}.when[0].equals", "did you mean 'CALL'?"),
        # when
        (f"{RULE}.after", "5 fortnights", f"{RULE}.after", "unknown unit 'fortnights'"),
        (f"{RULE}.after", 5, f"{RULE}.after", "is not whole numbers with units"),
        (f"{RULE}.after", "1 quarter", f"{RULE}.after", "'90 days'"),
        (f"{RULE}.after", "121 months", f"{RULE}.after", "longer than 120 months"),
        (f"{RULE}.after", {"time": "1 day", "at": "9"}, f"{RULE}.after.at", "must be an hour of the day in quotes"),
        (f"{RULE}.after", {"time": "1 day", "at": "25:00"}, f"{RULE}.after.at", "must be an hour of the day"),
        (f"{RULE}.after", {"at": ["09:00", "2pm"]}, f"{RULE}.after.at[1]", "must be an hour of the day in quotes"),
        (f"{RULE}.after", {"at": []}, f"{RULE}.after.at", "must be a list of 1 to 24 hours"),
        (f"{RULE}.after", {"on_day": 32}, f"{RULE}.after.on_day", "from 1 to 31"),
        (f"{RULE}.after", {"time": "1 day", "zone": "led"}, f"{RULE}.after.zone", "did you mean 'lead'?"),
        (f"{RULE}.after", {"time": "1 day", "of": "lead.tags"}, f"{RULE}.after.of", "'lead.tags' is not known"),
        (f"{RULE}.after", {"time": "1 day", "of": "lead.created"}, f"{RULE}.after.of", "mean 'lead.created_at'?"),
        (f"{RULE}.before", "1 day", f"{RULE}.before", "must be like {time: 180 days"),
        (f"{RULE}.before", {"time": "1 day"}, f"{RULE}.before.of", "is missing"),
        (f"{RULE}.before", {"time": "1 day", "of": "task.due_at", "clock": "business"}, f"{RULE}.before.clock", ""),
        (f"{RULE}.every", "23 hours", f"{RULE}.every", "must be at least a day"),
        (f"{RULE}.every", "often", f"{RULE}.every", "is not whole numbers"),
        (f"{RULE}.priority", 0, f"{RULE}.priority", "from 1 to 1000"),
        (f"{RULE}.priority", True, f"{RULE}.priority", "from 1 to 1000"),
        (f"{RULE}.on", "date.reached", f"{RULE}.on", "needs the date of a lead"),
        (f"{RULE}.on", "custom.Page", f"{RULE}.on[0]", "is not known"),
        (f"{RULE}.on", ["task.created"] * 21, f"{RULE}.on", "must be an event or a list of events"),
        (f"{RULE}.after", {"time": "1 hour", "clok": "business"}, f"{RULE}.after.clok", "did you mean 'clock'?"),
        (f"{RULE}.after", {"time": "1 hour", "clock": "busines"}, f"{RULE}.after.clock", "did you mean 'business'?"),
        (f"{RULE}.after", {"clock": "business"}, f"{RULE}.after.time", "is missing"),
        (f"{RULE}.before_due", "-1 hour", f"{RULE}.before_due", "is negative"),
        (f"{RULE}.before_due", None, f"{RULE}.before_due", "is not whole numbers"),
        (f"{RULE}.skip_when_later_than", "11 years", f"{RULE}.skip_when_later_than", "no fixed length in years"),
        # actions
        (f"{RULE}.do", UNSET, f"{RULE}.do", "is missing"),
        (f"{RULE}.do", [], f"{RULE}.do", "must be a list of 1 to 20 actions"),
        (f"{RULE}.do", [CALL] * 21, f"{RULE}.do", "must be a list of 1 to 20 actions"),
        (f"{RULE}.do", CALL, f"{RULE}.do", "must be a list of 1 to 20 actions"),
        (f"{RULE}.do", ["create_task"], f"{RULE}.do[0]", "must name one action"),
        (f"{RULE}.do", [{**CALL, **MAIL}], f"{RULE}.do[0]", "must name one action"),
        (f"{RULE}.do", [{"creat_task": {}}], f"{RULE}.do[0]", "did you mean 'create_task'?"),
        (f"{RULE}.do", [{"deliver": {}}], f"{RULE}.do[0]", "is not known"),
        (f"{RULE}.do", [{"create_task": None}], TASK, "must be a mapping of settings"),
        (f"{TASK}.type", "CAL", f"{TASK}.type", "did you mean 'CALL'?"),
        (f"{TASK}.title", UNSET, f"{TASK}.title", "is missing"),
        (f"{TASK}.title", None, f"{TASK}.title", "must be text in one line"),
        (f"{TASK}.title", " ", f"{TASK}.title", "must be text in one line"),
        (f"{TASK}.title", "a" * 201, f"{TASK}.title", "of at most 200 characters"),
        (f"{TASK}.priority", "URGNT", f"{TASK}.priority", "did you mean 'URGENT'?"),
        (f"{TASK}.assignee", "me", f"{TASK}.assignee", "must be coordinator, rotation or the id of a user"),
        (f"{TASK}.due", "5 minutes", f"{TASK}.due", "must be like {after: 5 minutes, clock: business}"),
        (f"{TASK}.due", {"time": "5 minutes"}, f"{TASK}.due.after", "is missing"),
        (f"{TASK}.due", {"after": "soon"}, f"{TASK}.due.after", "is not whole numbers"),
        (f"{SEND}.gateway", "social", f"{SEND}.gateway", "is not known"),  # e-mail goes through none
        (SEND, {**HTTP, "type": "audio"}, f"{SEND}.type", "allowed: document, image, text, video"),
        (SEND, {**HTTP, "type": "image"}, f"{SEND}.media_url", "goes with an image, a video or a document"),
        (SEND, {**HTTP, "media_url": SMILE}, f"{SEND}.media_url", "goes with an image, a video or a document"),
        (SEND, {**HTTP, "type": "video", "media_url": "http://8.8.8.8/x"}, f"{SEND}.media_url", "begin with https://"),
        (SEND, {**HTTP, "type": "video", "media_url": "x"}, f"{SEND}.media_url", "begin with https://"),
        (SEND, {**HTTP, "gateway": "Social Desk"}, f"{SEND}.gateway", "must be a gateway's slug"),
        (f"{RULE}.do", [{"call_webhook": {}}], f"{FIRST}.call_webhook.gateway", "is missing"),
        (f"{RULE}.do", [{"call_webhook": {"gateway": 5}}], f"{FIRST}.call_webhook.gateway", "must be a gateway's slug"),
        (f"{RULE}.do", [{"call_webhook": {"url": SMILE}}], f"{FIRST}.call_webhook.url", "is not known"),
        (f"{SEND}.channel", "emial", f"{SEND}.channel", "did you mean 'email'?"),
        (f"{SEND}.channel", ["email"], f"{SEND}.channel", "is not known"),
        (f"{SEND}.channel", {"email": 1}, f"{SEND}.channel", "is not known"),
        (f"{SEND}.channel", "in_app", f"{SEND}.channel", "is not known"),  # a lead has no inbox here
        (f"{SEND}.template", "helo", f"{SEND}.template", "did you mean 'hello'?"),
        (f"{SEND}.template", ["hello"], f"{SEND}.template", "is not known"),
        (f"{SEND}.transactional", "yes", f"{SEND}.transactional", "must be true or false"),
        (f"{REMIND}.channels", "email", f"{REMIND}.channels", "must be a list of channels"),
        (f"{REMIND}.channels", [], f"{REMIND}.channels", "must be a list of channels"),
        (f"{REMIND}.channels", ["email", "sms"], f"{REMIND}.channels[1]", "is not known"),
        (f"{REMIND}.template", UNSET, f"{REMIND}.template", "is missing"),
        (FIRST, {"escalate": {"channels": ["email"], "template": "hello"}}, f"{FIRST}.escalate.title", "is missing"),
        (FIRST, {"suggest_lost": {"reason": "NO_RESPONS"}}, f"{FIRST}.suggest_lost.reason", "mean 'NO_RESPONSE'?"),
        (FIRST, {"suggest_lost": {}}, f"{FIRST}.suggest_lost.reason", "is missing"),
        (FIRST, {"notify": {"channels": ["email"], "template": "helo"}}, f"{FIRST}.notify.template", "mean 'hello'?"),
        (FIRST, {"notify": {**TELL["remind"], "to": "boss"}}, f"{FIRST}.notify.to", "is not known"),
        (FIRST, {"change_stage": {"stage": 3}}, f"{FIRST}.change_stage.stage", "must be text in one line"),
        (FIRST, {"change_stage": {"stage": "lost"}}, f"{FIRST}.change_stage.reason", "is missing"),
        (FIRST, {"assign": {"to": "ana"}}, f"{FIRST}.assign.to", "must be by_rules or the id of a user"),
        (FIRST, {"update_lead": {}}, f"{FIRST}.update_lead", "must change something"),
        (FIRST, {"complete_tasks": {}}, f"{FIRST}.complete_tasks.types", "is missing"),
        (FIRST, {"complete_tasks": {"types": "PAYMENT"}}, f"{FIRST}.complete_tasks.types", "must be a list"),
        (FIRST, {"complete_tasks": {"types": ["PAIMENT"]}}, f"{FIRST}.complete_tasks.types[0]", "'PAYMENT'"),
        (FIRST, {"update_lead": {"score": 101}}, f"{FIRST}.update_lead.score", "from 0 to 100"),
        (FIRST, {"update_lead": {"add_tags": "vip"}}, f"{FIRST}.update_lead.add_tags", "must be a list of at most 20"),
        (FIRST, {"branch": {"if": [], "then": []}}, f"{FIRST}.branch.then", "must be a list of 1 to 20"),
        (FIRST, {"branch": {"if": [{"field": "event.stage", "equals": "x"}], "then": [CALL]}},
         f"{FIRST}.branch.if[0].field", "is not known"),
        (FIRST, {"branch": {"if": [], "then": [{"creat_task": {}}]}}, f"{FIRST}.branch.then[0]", "mean 'create_task'?"),
    ],
)  # fmt: skip
def test_error_names_the_path_and_the_allowed_values(path: str, value: Any, place: str | None, problem: str):
    mistakes = mistakes_in(changed(path, value))

    if place is not None:
        assert problem in mistakes[place], mistakes


def test_after_and_before_due_exclude_each_other():
    document = changed(f"{RULE}.after", "1 hour")
    document["rules"][0]["before_due"] = "1 hour"

    assert mistakes_in(document) == {f"{RULE}.after": "and before_due exclude each other"}


@pytest.mark.parametrize("event", ["lead.created", ["task.created", "lead.created"]])
def test_before_due_needs_an_event_of_a_task(event: str | list[str]):
    document = changed(f"{RULE}.before_due", "1 hour")
    document["rules"][0]["on"] = event

    assert list(mistakes_in(document)) == [f"{RULE}.before_due"]


def test_duplicate_rule_name_is_refused():
    document = copy.deepcopy(RIGHT)
    document["rules"] *= 3

    assert mistakes_in(document) == dict.fromkeys(
        ["rules[1].name", "rules[2].name"], "'call-back' is taken by an earlier rule"
    )


def test_all_errors_are_reported_at_once():
    document = changed(f"{TASK}.type", "CAL")
    document["rules"][0] |= {"on": "task.creatd", "after": "soon"}

    assert list(mistakes_in(document)) == [f"{RULE}.on[0]", f"{RULE}.after", f"{TASK}.type"]


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", "playbook", "must be a mapping"),
        ("[]", "playbook", "must be a mapping"),
        ("just words", "playbook", "must be a mapping"),
        ("rules: [", "playbook", "line 2"),
        ("name: x\nrules: *nobody", "playbook", "undefined alias"),
        ("name: !!python/object/apply:os.getpid []", "playbook", "could not determine a constructor"),
        ("a: b: c", "playbook", "mapping values are not allowed"),
        ("name: x\0", "playbook", "control characters are not allowed"),
        ("? [a, b]\n: c", "playbook", "unhashable key"),
        ("name: 2026-13-45", "playbook", "month must be in 1..12"),
        ("name: 2026-01-01", "name", "neither text nor a number"),
        ("description: .nan", "description", "neither text nor a number"),
        ("description: !!binary aGVsbG8=", "description", "neither text nor a number"),
        ('description: "a\\0b"', "description", "a character that cannot be stored"),
        ('description: "a\\ud800b"', "playbook", "invalid Unicode character"),
        ("{2026-01-01: x}", "playbook", "neither text nor a number"),
        ("[" * 1100, "playbook", ""),
        ("a: " + "[" * 1000 + "]" * 1000, "playbook", "nested in more than 32 levels"),
        ("name: x\nrules: [" + "a," * 90_000 + "]", "playbook", "At most 20,000 keys and values"),
        ("name: x\nrules: [" + "{}," * 60_000 + "]", "playbook", "At most 20,000 keys and values"),
    ],
)
def test_unreadable_document_is_refused(text: str, place: str, problem: str):
    assert problem in mistakes_in(text)[place]


def test_document_that_contains_itself_is_refused():
    assert mistakes_in("&a {name: *a, rules: [*a], templates: {b: *a}}")


def test_aliases_expanding_to_billions_are_refused_at_once():
    lines = ["name: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"rules{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 15)]

    assert list(mistakes_in("\n".join([*lines, "rules: *a14"]))) == ["playbook"]


@pytest.mark.parametrize("merge", ["<<", '!!merge "<<"'])
def test_merge_keys_expanding_to_billions_are_refused_at_once(merge: str):
    lines = ["m0: &m0 {a: 1, b: 2}"]
    lines += [f"m{i}: &m{i} {{{merge}: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, 15)]

    assert list(mistakes_in("\n".join([*lines, "name: ours", "rules: []"]))) == ["playbook"]
    assert "merge" in str(mistakes_in("\n".join([*lines[:2], "name: ours", "rules: []"])))  # and merges nothing


def test_values_are_counted_before_the_document_is_built(monkeypatch: pytest.MonkeyPatch):
    built: list[object] = []
    monkeypatch.setattr(shipped.yaml, "load", lambda *given: built.append(given))

    assert list(mistakes_in("name: x\nrules: [" + "a," * 90_000 + "]")) == ["playbook"]
    assert built == []


SEXAGESIMAL = "1" + ":1" * 30_000  # YAML's base 60


@pytest.mark.parametrize(
    "number",
    ["9223372036854775808", "-9223372036854775809", "0x10000000000000000", SEXAGESIMAL, f"{SEXAGESIMAL}.5"],
    ids=lambda number: number[:24],
)
def test_integer_of_more_than_64_bits_is_refused(number: str):
    assert "a number is too large" in str(mistakes_in(f"name: ours\nrules: []\ntitle: {number}"))


def test_duplicate_key_is_refused():
    assert "a key occurs twice" in str(mistakes_in("name: ours\nrules: []\nname: yours"))


def test_yaml_words_for_booleans_stay_text():
    playbook = shipped.read(yaml.safe_dump(RIGHT).replace("Hello", "off").replace("'on'", "on"))

    assert playbook.templates["hello"] == {"subject": "off", "body": "off"}
    assert playbook.rules[0]["on"] == "task.created"


@pytest.mark.parametrize("name", ["dentistry", "", "../orthodontics", "orthodontics.yaml", "__init__", "a/b"])
def test_unknown_playbook_is_refused_with_the_shipped_names(name: str):
    with pytest.raises(InvalidPlaybook, match=r"there are: .*orthodontics"):
        shipped.load(name)
