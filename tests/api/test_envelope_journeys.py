"""Calls that follow from each other, in any order that the description allows: what one makes the next ones use.

Two clinics take turns. Whatever either does, nothing breaks, and neither meets anything of the other's.
"""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ensure_resource_availability,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
    use_after_free,
)

from app import create_app
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

# Not `negative_data_rejection` and `positive_data_acceptance`: more is refused here than a schema can say. That
# credentials are asked for has tests of its own.
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance),
    *(response_headers_conformance, use_after_free, ensure_resource_availability, unsupported_method),
]
# Signing out ends the journey, and the figures are everybody's.
schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app()).exclude(
    path=["/metrics", "/api/auth/logout", "/api/auth/change-password"]
)


def test_two_clinics_go_their_ways_and_never_meet(desk: Desk, other_desk: Desk):
    names = {desk.clinic_id: "Fremdling", other_desk.clinic_id: "Auslaender"}
    both = (desk, other_desk)
    for one in both:
        one.plan(one.capture(last_name=names[one.clinic_id], phone="+12125550143"), title=names[one.clinic_id])
    journeys: list[Desk] = []

    class Journey(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            self.desk = both[len(journeys) % 2]
            self.other = both[(len(journeys) + 1) % 2]
            journeys.append(self.desk)

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {self.desk.admin.token}"}
            return {"headers": {**headers, "If-Match": "*"} if case.method in {"PUT", "DELETE"} else headers}

        def validate_response(self, response: Any, case: schemathesis.Case, *args: Any, **kwargs: Any) -> None:
            case.validate_response(response, checks=CHECKS)
            said = response.content.decode(errors="replace")
            for word in (names[self.other.clinic_id], str(self.other.clinic_id), self.other.source_id):
                assert word not in said, case.as_curl_command()

    Journey.run(
        settings=settings(
            max_examples=24,
            stateful_step_count=12,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
    )
    assert len(journeys) >= 20
    for one in both:
        assert one.admin.post("/api/leads/search", {"name": f"Ana {names[one.clinic_id]}"}).status == 200
