"""Generated requests, valid and invalid: every response matches the OpenAPI description."""

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
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
NOT_JSON = {"/metrics", "/api/stream"}  # test_live_updates.py calls the stream, which needs a process of its own
OPERATIONS = [
    (method, path)
    for path, item in DESCRIBED.items()
    for method in item
    if method != "parameters" and path not in NOT_JSON
]

# A definition has thousands of boundary cases, most of them alike: tests/unit/test_rule_reference.py mutates examples
# of definitions instead.
DEFINITIONS = "^/api/(follow-up-rules|sequences)(/[^/]+)?$"
NO_BOUNDARIES = {"phases": {"coverage": {"enabled": False}}}
# Random examples of each operation, without and with boundary cases. `make fuzz` tries three times as many.
IS_THOROUGH = settings.get_current_profile_name() == "thorough"
EXAMPLES, EXAMPLES_WITH_BOUNDARIES = (6, 3) if IS_THOROUGH else (2, 1)


def _parts(method: str, path: str) -> dict[tuple[str, str], str]:
    """Return the description of each part of a request, by location and name."""
    item, operation = DESCRIBED[path], DESCRIBED[path][method]
    parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
    body = operation.get("requestBody", {}).get("content", {})
    schemas = {(one["in"], one["name"]): one["schema"] for one in parameters} | {
        ("body", media_type): content["schema"] for media_type, content in body.items()
    }
    parts = {part: json.dumps([*part, schema], sort_keys=True) for part, schema in schemas.items()}
    return parts | {("", "methods"): f"methods of {path}"}


PARTS = {(method, path): _parts(method, path) for method, path in OPERATIONS}
FIRST = {
    part: operation
    for operation in reversed(OPERATIONS)
    if not re.match(DEFINITIONS, operation[1])
    for part in PARTS[operation].values()
}


def is_repeated(case: schemathesis.Case, tried: set[str]) -> bool:
    """Whether an earlier operation gets the same wrong values for the same part.

    Each operation gets at least one wrong value for each of its parts. `tried` has the parts that got one.
    """
    data = case.meta.phase.data
    if case.meta.generation.mode is not GenerationMode.NEGATIVE or not isinstance(data, CoveragePhaseData):
        return False
    is_method = data.scenario is CoverageScenario.UNSPECIFIED_HTTP_METHOD
    location = data.parameter_location.value if data.parameter_location else ""
    operation = (case.operation.method.lower(), case.operation.path)
    part = PARTS[operation].get(("", "methods") if is_method else (location, data.parameter or ""))
    if part is None or FIRST[part] == operation or part not in tried:
        tried.add(part or "")
        return False
    return True


@pytest.fixture(scope="module")
def api() -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", the_app())


@pytest.fixture(scope="module")
def operations(api: schemathesis.BaseSchema) -> dict[tuple[str, str], schemathesis.APIOperation]:
    """Operations by method and path. Definitions come without boundaries.

    All share one schema: a filtered copy of it for each operation would stay in memory.
    """
    config = schemathesis.Config.from_dict(NO_BOUNDARIES)
    without = schemathesis.openapi.from_wsgi("/openapi.json", the_app(), config=config)
    schemas = (api.exclude(path_regex=DEFINITIONS), without.include(path_regex=DEFINITIONS))
    found = [one.ok() for schema in schemas for one in schema.get_all_operations()]
    return {(one.method.lower(), one.path): one for one in found}


@pytest.fixture(scope="module")
def feedback(api: schemathesis.BaseSchema) -> FeedbackSources:
    """Constants of the application's code, to be tried as values."""
    return FeedbackSources(constants_value_source=make_constants_value_source(api))


def call(case: schemathesis.Case, desk: Desk, tried: set[str]) -> None:
    if not is_repeated(case, tried):
        answer = case.call(headers={"Authorization": f"Bearer {desk.admin.token}"})
        case.validate_response(answer, checks=CHECKS)


def with_examples(number: int) -> settings:
    return settings(
        max_examples=number,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_match_the_openapi_description(
    operations: dict[tuple[str, str], schemathesis.APIOperation],
    feedback: FeedbackSources,
    desk: Desk,
    method: str,
    path: str,
):
    # Not by `schema.parametrize()`: each process would make the cases of all operations when it collects them, and
    # all tests would have the same id, of which xdist runs one.
    operation = operations[method, path]
    run = build_operation_test(
        config=operation.schema.config,
        operation=operation,
        test_func=call,
        given_kwargs={},
        feedback=feedback,
        explicit_settings=with_examples(EXAMPLES if re.match(DEFINITIONS, path) else EXAMPLES_WITH_BOUNDARIES),
    )
    run(desk=desk, tried=set())
