"""Whatever is typed into the API, right or wrong, the answer is one that its description names."""

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.desk import Desk, the_app
from tests.support.environment import ROOT

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DESCRIBED = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
OPERATIONS = [(method, path) for path, item in DESCRIBED.items() for method in item if method != "parameters"]


# A definition has thousands of boundary cases, most of them alike: tests/unit/test_rule_reference.py mutates examples
# of definitions instead.
DEFINITIONS = "^/api/(follow-up-rules|sequences)(/[^/]+)?$"
NO_BOUNDARIES = {"phases": {"coverage": {"enabled": False}}}


@pytest.fixture(scope="module")
def api() -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", the_app())


@pytest.fixture(scope="module")
def definitions_api() -> schemathesis.BaseSchema:
    config = schemathesis.Config.from_dict(NO_BOUNDARIES)
    return schemathesis.openapi.from_wsgi("/openapi.json", the_app(), config=config)


@pytest.fixture(scope="module")
def feedback(api: schemathesis.BaseSchema) -> FeedbackSources:
    """Constants of the application's code, to be tried as values."""
    return FeedbackSources(constants_value_source=make_constants_value_source(api))


@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def call(case: schemathesis.Case, desk: Desk) -> None:
    answer = case.call(headers={"Authorization": f"Bearer {desk.admin.token}"})
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one[1] != "/metrics"])
def test_every_answer_is_one_that_is_described(
    request: pytest.FixtureRequest, feedback: FeedbackSources, desk: Desk, method: str, path: str
):
    api = request.getfixturevalue("definitions_api" if re.match(DEFINITIONS, path) else "api")
    # Not by `schema.parametrize()`: each process would make the cases of all operations when it collects them, and
    # all tests would have the same id, of which xdist runs one.
    [operation] = [found.ok() for found in api.include(method=method, path=path).get_all_operations()]
    run = build_operation_test(
        config=api.config, operation=operation, test_func=call, given_kwargs={}, feedback=feedback
    )
    run(desk=desk)
