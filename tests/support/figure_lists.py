"""Compare figures of reports, and the lists that they link to, with the figures that an oracle expects."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.api.leads.list_schemas import LeadQuery
from app.core.db import transaction
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.listing import lead_conditions
from tests.support.desk import the_app


def shown(report: Callable[..., Any], actor: Actor, query: dict[str, Any]) -> dict[str, Any]:
    """Return the report that the query asks for."""
    with transaction() as session:
        found: dict[str, Any] = report(session, actor, query)
    return found


def compare(actor: Actor, row: dict[str, Any], expected: Mapping[str, Any], *, with_lists: bool = True) -> None:
    """Compare the figures of a row with those expected by metric: objects with `value`, `leads` and `among`."""
    for figure in row["figures"]:
        wanted = expected[figure["metric"]]
        about = (row["key"], figure, wanted)
        assert figure["value"] == (wanted.value if wanted.value is None else pytest.approx(wanted.value)), about
        assert (figure["among"] is None) == (wanted.among is None), about
        for counted, leads in ((figure, wanted.leads), (figure["among"], wanted.among)):
            if counted is not None and leads is not None:
                assert counted["leads"] == len(leads), about
                assert not with_lists or listed(actor, counted["drill"]) == {lead.id for lead in leads}, about


def listed(actor: Actor, drill: str) -> set[UUID]:
    """Return the ids of the leads in the list that a figure links to."""
    url = urlsplit(drill)
    assert url.path == "/api/leads"
    with the_app().test_request_context():
        query = LeadQuery().read(MultiDict(parse_qsl(url.query)))
    with transaction() as session:
        return set(session.scalars(select(Lead.id).where(*lead_conditions(session, actor, query))))
