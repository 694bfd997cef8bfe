"""Playbooks over REST: installation, export, and import into another clinic."""

from collections.abc import Iterable, Iterator

import pytest
import yaml

from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

PLAYBOOKS = "/api/playbooks"
OURS = """
name: ours
stages:
  - {slug: site_visit, name: Site visit}
fields:
  - {key: floor, label: Floor, type: number}
rules:
  - name: visit
    on: lead.stage_entered
    when:
      - {field: event.stage, equals: site_visit}
      - {field: lead.custom.floor, greater_than: 3}
    do: [{send_message: {channel: email, template: visit}}]
templates:
  visit: {subject: Your visit, body: "Hello {{ lead.first_name }}"}
"""


def test_shipped_playbooks_are_listed_with_installed_parts(desk: Desk):
    listed = {one["name"]: one for one in desk.admin.every(PLAYBOOKS)}
    assert {"orthodontics", "moving_sales"} <= listed.keys()
    assert listed["orthodontics"]["installed_rules"] == len(listed["orthodontics"]["rules"])
    assert listed["moving_sales"]["installed_rules"] == 0
    assert yaml.safe_load(desk.admin.get(f"{PLAYBOOKS}/moving_sales").body["yaml"])["name"] == "moving_sales"
    assert desk.admin.get(f"{PLAYBOOKS}/nonsense").status == 404


def test_playbook_is_installed_beside_existing_rules(desk: Desk):
    added = desk.admin.post(f"{PLAYBOOKS}/moving_sales/install").body
    assert ("website-lead-follow-up" in added["rules"], added["stages"]) == (True, ["quoted", "negotiating"])
    again = desk.admin.post(f"{PLAYBOOKS}/moving_sales/install").body
    parts = (
        "stages",
        "fields",
        "templates",
        "task_templates",
        "sequences",
        "nurtures",
        "rules",
        "overlaps",
        "warnings",
    )
    assert again == {part: [] for part in parts}
    names = {rule["name"] for rule in desk.admin.every("/api/follow-up-rules")}
    assert {"speed-to-lead", "website-lead-follow-up"} <= names
    assert desk.admin.post(f"{PLAYBOOKS}/nonsense/install").status == 404


def test_installation_keeps_existing_parts(desk: Desk):
    own = {
        "name": "website-lead-follow-up",
        "on": "lead.created",
        "do": [{"create_task": {"type": "CALL", "title": "x"}}],
    }
    desk.admin.post("/api/follow-up-rules", own)
    assert "website-lead-follow-up" not in desk.admin.post(f"{PLAYBOOKS}/moving_sales/install").body["rules"]
    [kept] = [rule for rule in desk.admin.every("/api/follow-up-rules") if rule["name"] == own["name"]]
    assert kept["definition"]["do"] == own["do"]


@pytest.mark.parametrize("name", ["moving_sales", "immigration", "social_nurture"])
def test_dry_run_of_an_installation_predicts_it_and_writes_nothing(desk: Desk, name: str):
    rules, entries = desk.admin.every("/api/follow-up-rules"), desk.sql("SELECT count(*) FROM audit_changes")
    expected = desk.admin.post(f"{PLAYBOOKS}/{name}/install", {"dry_run": True})
    assert (expected.status, desk.admin.every("/api/follow-up-rules")) == (200, rules)
    assert desk.sql("SELECT count(*) FROM audit_changes") == entries
    assert desk.admin.post(f"{PLAYBOOKS}/{name}/install").body == expected.body


def test_installation_names_rules_that_act_twice(desk: Desk):
    found = desk.admin.post(f"{PLAYBOOKS}/moving_sales/install", {"dry_run": True}).body["overlaps"]
    events = ["task.created", "task.retimed"]
    assert {
        "rule": "due-in-30-minutes",
        "existing": "task-reminder",
        "events": events,
        "actions": ["remind"],
    } in found


def test_inactive_installation_changes_no_behaviour(desk: Desk):
    added = desk.admin.post(f"{PLAYBOOKS}/social_nurture/install", {"is_active": False}).body
    added_rules = desk.admin.post(f"{PLAYBOOKS}/moving_sales/install", {"is_active": False}).body["rules"]
    active = {rule["name"]: rule["is_active"] for rule in desk.admin.every("/api/follow-up-rules")}
    assert (active["task-reminder"], {active[name] for name in added_rules}) == (True, {False})
    sequences = {one["name"]: one["is_active"] for one in desk.admin.every("/api/sequences")}
    assert [sequences[name] for name in added["sequences"]] == [False]
    assert [one["is_active"] for one in desk.admin.every("/api/nurtures")] == [False]
    lead = desk.capture()
    desk.plan(lead)
    assert len(desk.steps(lead, kind="remind")) == 1
    assert {step["name"] for step in desk.steps(lead)}.isdisjoint(added_rules)


def test_imported_playbook_can_be_inactive(desk: Desk):
    assert desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": OURS, "dry_run": True}).body["rules"] == ["visit"]
    assert desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": OURS, "is_active": False}).body["rules"] == ["visit"]
    [rule] = [one for one in desk.admin.every("/api/follow-up-rules") if one["name"] == "visit"]
    assert rule["is_active"] is False


def test_exported_playbook_survives_the_round_trip(desk: Desk, other_desk: Desk):
    desk.admin.patch("/api/settings/sender", {"postal_address": "1 Main Street, Springfield"})
    added = desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": OURS}).body
    new = {"stages": ["site_visit"], "fields": ["floor"], "templates": ["visit"], "rules": ["visit"]}
    assert added == {**new, "task_templates": [], "sequences": [], "nurtures": [], "overlaps": [], "warnings": []}
    written = desk.admin.get(f"{PLAYBOOKS}/export", name="clinic-a").body["yaml"]
    there = other_desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": written})
    assert (there.status, there.body["rules"]) == (200, ["visit"])
    assert other_desk.admin.get(f"{PLAYBOOKS}/export", name="clinic-a").body["yaml"] == written
    [rule] = [one for one in yaml.safe_load(written)["rules"] if one["name"] == "visit"]
    assert list(rule) == ["name", "on", "when", "do"]


TASKS = {
    "Card": {
        "title": "Ask {{ lead.first_name }}\u2019s school",
        "description": "One\ntwo",
        "priority": "HIGH",
        "tags": ["a"],
    },
    "Photo": {"title": "Photo", "business_time": True, "stage": "site_visit"},
}
BY_TEMPLATE = {"name": "cards", "on": "lead.replied", "do": [{"create_task": {"task_template": "Card"}}]}


def test_task_templates_come_along(desk: Desk, other_desk: Desk):
    desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": OURS})
    for name, more in TASKS.items():
        made = desk.admin.post("/api/task-templates", {"name": name, "type": "CALL", "due_in": "2 hours", **more})
        assert made.status == 201, made.body
    assert desk.admin.post("/api/follow-up-rules", BY_TEMPLATE).status == 201
    written = desk.admin.get(f"{PLAYBOOKS}/export", name="clinic-a").body["yaml"]
    expected = other_desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": written, "dry_run": True}).body
    there = other_desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": written})
    assert (there.status, there.body, there.body["task_templates"]) == (200, expected, ["Card", "Photo"])
    own = {"id", "created_at", "updated_at", "created_by"}
    for one, other in zip(
        desk.admin.every("/api/task-templates"), other_desk.admin.every("/api/task-templates"), strict=True
    ):
        assert {key: one[key] for key in one.keys() - own} == {key: other[key] for key in other.keys() - own}
    assert other_desk.admin.get(f"{PLAYBOOKS}/export", name="clinic-a").body["yaml"] == written
    assert other_desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": written}).body["task_templates"] == []


def test_spaces_around_the_name_of_a_task_template_do_not_matter(desk: Desk):
    template = "{name: ' Card ', title: Card, type: CALL, due_in: 1 day}"
    added = desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": f"{OURS}\ntask_templates: [{template}]\n"}).body
    assert added["task_templates"] == ["Card"]
    assert [one["name"] for one in desk.admin.every("/api/task-templates")] == ["Card"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": "{{ lead.phone }}"}, "task_templates[0].title"),
        ({"type": "CAL"}, "task_templates[0].type: 'CAL' is not known"),
        ({"due_in": "soon"}, "task_templates[0].due_in"),
        ({"stage": "lost"}, "task_templates[0].stage: must not be a final stage"),
        ({"stage": "site_vist"}, "task_templates[0].stage: 'site_vist' is not known"),
    ],
)
def test_mistake_in_a_task_template_is_named(desk: Desk, change: dict[str, str], says: str):
    template = {"name": "Card", "title": "Card", "type": "CALL", "due_in": "1 day", **change}
    document = {**yaml.safe_load(OURS), "task_templates": [template]}
    refused = desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": yaml.safe_dump(document)})
    assert (refused.status, set(refused.pointers)) == (422, {"/yaml"})
    assert says in " ".join(error["message"] for error in refused.body["errors"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("greater_than: 3", "greater_than: three"), "rules[0].when[1].greater_than: must be a number"),
        (("lead.custom.floor", "lead.custom.flor"), "did you mean 'lead.custom.floor'?"),
        (("template: visit", "template: vist"), "did you mean 'visit'?"),
        (("{{ lead.first_name }}", "{{ lead.phone }}"), "templates.visit.body"),
        (("name: ours", "nam: ours"), "playbook.nam"),
        (("{slug: site_visit, name: Site visit}", "{slug: site_visit}"), "stages[0].name: is missing"),
        (("slug: site_visit", "slug: {site: visit}"), "stages[0].slug: must be text"),
        (("rules:", "rules: ["), "line"),
    ],
)
def test_invalid_playbook_is_refused_completely(desk: Desk, change: tuple[str, str], says: str):
    refused = desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": OURS.replace(*change)})
    assert set(refused.pointers) == {"/yaml"}
    assert says in " ".join(error["message"] for error in refused.body["errors"])
    assert desk.sql("SELECT 1 FROM rules WHERE slug = 'visit'") == []
    assert desk.sql("SELECT 1 FROM pipeline_stages WHERE slug = 'site_visit'") == []


def test_read_only_user_cannot_install_playbooks(desk: Desk):
    manager = desk.caller(Role.MANAGER)
    assert manager.get(PLAYBOOKS).status == 200
    assert manager.post(f"{PLAYBOOKS}/moving_sales/install").status == 403
    assert manager.post(f"{PLAYBOOKS}/import", {"yaml": OURS}).status == 403


def test_long_playbook_is_refused(desk: Desk):
    refused = desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": "name: x\nrules: [" + "a," * 245_000 + "]"})
    assert refused.pointers == ["/yaml"]


DEEP = {
    "lists": "[" * 20_000,
    "mappings": "{a: " * 5_000,
    "keys": "? " * 10_000,
    "items": "- " * 10_000,
    "lines": "\n".join(f"{' ' * level}a:" for level in range(500)),
    "aliases": "\n".join(f"a{n}: &a{n} {{b: *a{n - 1}}}" if n else "a0: &a0 {b: 1}" for n in range(60)),
}
# Nine times nine times nine ... values.
BOMB = "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]" for n in range(9)])


@pytest.mark.parametrize(
    "text", [*DEEP.values(), BOMB, "a: &a [*a]", "a: *b"], ids=[*DEEP, "bomb", "itself", "nothing"]
)
def test_deep_playbook_is_refused_before_it_is_built(desk: Desk, monkeypatch: pytest.MonkeyPatch, text: str):
    """The work is counted: events that the parser reads, and documents that are built."""
    events, built = counted(monkeypatch, "parse"), counted(monkeypatch, "load")
    composed = counted(monkeypatch, "compose")
    refused = desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": text})
    assert refused.pointers == ["/yaml"]
    read = desk.admin.post("/api/definitions/read", {"kind": "playbook", "text": text})
    assert read.status in (200, 422)
    assert len(events) < 2 * 1_000
    assert (built, composed) == ([], [])


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[object]:
    """Count the results of a function of the YAML library; of its generator, the yielded ones."""
    original, results = getattr(yaml, name), list[object]()

    def each(events: Iterable[object]) -> Iterator[object]:
        for event in events:
            results.append(event)
            yield event

    def count(*given: object, **options: object) -> object:
        result = original(*given, **options)
        if name == "parse":
            return each(result)
        results.append(result)
        return result

    monkeypatch.setattr(yaml, name, count)
    return results


def test_aliases_and_many_levels_are_allowed(desk: Desk):
    """The shipped playbooks repeat parts by aliases."""
    deep = "name: x\nrules: []\ndescription: &text words\ntitle: *text\n"
    assert desk.admin.post(f"{PLAYBOOKS}/import", {"yaml": deep, "dry_run": True}).status == 200
