"""Whatever is typed into the API, right or wrong, the answer is one that its description names."""

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import create_app
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app())


@schema.exclude(path="/metrics").parametrize()
@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_is_described(case: schemathesis.Case, desk: Desk):
    answer = case.call(headers={"Authorization": f"Bearer {desk.admin.token}"})
    case.validate_response(answer, checks=CHECKS)
