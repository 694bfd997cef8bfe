"""`GET /api/leads?q=`: leads by parts of their names, as users type."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


@pytest.fixture
def people(desk: Desk) -> dict[str, str]:
    """Leads by their name."""
    names = [("Ana", "Ruiz"), ("Anatol", "Roth"), ("María José", "de la Cruz"), ("Ruth", "Anders"), ("100%", "O_Neil")]
    names += [("Zoé", "Lefèvre"), ("Jörg", "Groß-Müller"), ("Łucja", "Nguyễn"), ("I\u0301nes", "Şahin")]
    made = {f"{first} {last}": desk.capture(first_name=first, last_name=last) for first, last in names}
    return {name: lead["id"] for name, lead in made.items()}


def found(caller: Caller, q: str, **more: Any) -> set[str]:
    return {f"{lead['first_name']} {lead['last_name']}" for lead in caller.every("/api/leads", q=q, **more)}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a", {"Ana Ruiz", "Anatol Roth", "Ruth Anders"}),
        ("ana", {"Ana Ruiz", "Anatol Roth"}),
        ("AN R", {"Ana Ruiz", "Anatol Roth", "Ruth Anders"}),
        ("ana  ru", {"Ana Ruiz"}),
        ("ruiz a", {"Ana Ruiz"}),
        ("maría josé de la", {"María José de la Cruz"}),
        ("de la cruz maría", {"María José de la Cruz"}),
        ("MARÍA", {"María José de la Cruz"}),
        ("uiz", {"Ana Ruiz"}),
        ("100%", {"100% O_Neil"}),
        ("o_", {"100% O_Neil"}),
        ("o", {"100% O_Neil"}),
        ("neil o", {"100% O_Neil"}),
        ("lefevre", {"Zoé Lefèvre"}),
        ("Lefèvre", {"Zoé Lefèvre"}),
        ("LEFEVRE Zoe", {"Zoé Lefèvre"}),
        ("jorg gross-mul", {"Jörg Groß-Müller"}),
        ("Groß-Mu\u0308", {"Jörg Groß-Müller"}),
        ("lucja nguyen", {"Łucja Nguyễn"}),
        ("ines sahin", {"I\u0301nes Şahin"}),
        ("íNES", {"I\u0301nes Şahin"}),
        ("maria jose", {"María José de la Cruz"}),
    ],
)
def test_words_are_in_first_or_last_name(desk: Desk, people: dict[str, str], typed: str, expected: set[str]):
    assert found(desk.admin, typed) == expected


def test_frequent_and_rare_words_find_the_same(desk: Desk, people: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    rare = {
        typed: found(desk.admin, typed)
        for typed in ("a", "an r", "de la cruz maría", "100%", "lefevre", "Groß-mul", "o_")
    }
    monkeypatch.setattr("app.leads.search.by_text.find.MOST_COMPARED", 0)
    assert {typed: found(desk.admin, typed) for typed in rare} == rare


def test_name_combines_with_other_filters_and_orders(desk: Desk, people: dict[str, str]):
    desk.admin.patch(f"/api/leads/{people['Ana Ruiz']}", {"tags": ["vip"]})
    assert found(desk.admin, "ana", tag="vip") == {"Ana Ruiz"}
    assert found(desk.admin, "ruth", tag="vip") == set()
    assert found(desk.admin, "ana", sort="created_at", stage="contacted") == set()
    desk.plan({"id": people["Anatol Roth"]})
    assert "Anatol Roth" in found(desk.admin, "ana", sort="next_follow_up_at")
    assert [desk.admin.get("/api/leads", q=q).pointers for q in (" ", "%", "_", "🦷")] == [["/q"]] * 4


def test_only_visible_leads_are_found(desk: Desk, other_desk: Desk, people: dict[str, str]):
    assert found(other_desk.admin, "ana") == set()
    desk.admin.delete("/api/leads/none")
    rep = desk.hire(Role.SALES)
    desk.admin.post(f"/api/leads/{people['Ana Ruiz']}/assign", {"assigned_to_id": rep.id})
    assert found(rep, "ana") == {"Ana Ruiz"}
