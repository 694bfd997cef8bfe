"""A Python client that openapi-python-client generates from docs/openapi.json, against a running API."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from tests.support.chaos import PASSWORD, Scene, ready
from tests.support.environment import ROOT
from tests.support.processes import wait_until

NAME = "relance_client"
FILE = b"First name,Last name,Phone,Email\nIda,Berg,+34612345671,ida@example.org\nJon,Dahl,12,jon@example.org\n"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package of the generated client, which can be imported."""
    folder = tmp_path_factory.mktemp("client")
    configuration = yaml.safe_load((ROOT / "docs" / "python-client.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump({**configuration, "post_hooks": []}))
    arguments = ["--path", "docs/openapi.json", "--config", folder / "config.yaml", "--output-path", folder / NAME]
    command = [Path(sys.executable).parent / "openapi-python-client", "generate", "--meta", "none", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "arning" in done.stdout + done.stderr) == (0, False), done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield folder / NAME
    sys.path.remove(str(folder))


def api(module: str) -> Any:
    return import_module(f"{NAME}.api.{module}")


def call(module: str, client: Any, *ids: object, **arguments: Any) -> Any:
    """Call an operation, and return its typed result."""
    answer = api(module).sync_detailed(*ids, client=client, **arguments)
    assert answer.status_code < 300, answer.content
    return answer.parsed


def test_client_has_every_operation(generated: Path) -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    operations = [item[method]["operationId"] for item in paths.values() for method in item.keys() & METHODS]
    modules = {file.stem for file in (generated / "api").rglob("*.py")}

    assert [name for name in operations if name.replace(".", "_").replace("-", "_") not in modules] == []


@pytest.mark.usefixtures("generated")
def test_client_works_against_a_running_api(scene: Scene) -> None:
    worker = scene.start_worker("steps,bulk")
    clinic = scene.open()
    ready(worker)
    package, models, types = (import_module(name) for name in (NAME, f"{NAME}.models", f"{NAME}.types"))

    stranger = package.Client(base_url=clinic.url)
    login = models.LoginIn(email="admin@clinic.example", password=PASSWORD)
    tokens = call("auth.auth_log_in", stranger, body=login)
    client = package.AuthenticatedClient(base_url=clinic.url, token=tokens.access_token)

    due = models.Due(after="10 minutes")
    task = models.CreateTask(type_=models.TaskType.CALL, title="Call the new lead", due=due)
    replied = models.FieldCondition(field="lead.replied_at", exists=True)
    choice = models.Branch(if_=[replied], then=[models.Action(create_task=task)])
    rule = models.FollowUpRuleIn(
        name="typed",
        on=models.EventType0.LEAD_CREATED,
        do=[models.Action(create_task=task), models.Action(branch=choice)],
    )
    saved = call("follow_up_rules.follow_up_rules_create_follow_up_rule", client, body=rule)
    assert saved.definition.do[1].branch.then[0].create_task.title == "Call the new lead"
    step = models.SequenceStep(name="call", after="2 days", create_task=models.SequenceTask.from_dict(task.to_dict()))
    sequence = models.SequenceIn(name="typed", exit_on=[], steps=[step])
    saved = call("sequences.sequences_create_sequence", client, body=sequence)
    assert saved.definition.steps[0].create_task.type_ == models.TaskType.CALL

    new = models.CaptureIn(
        first_name="Ana", last_name="Ruiz", email="ana@example.org", source_id=UUID(clinic.source_id)
    )
    lead = call("leads.leads_capture_lead", client, body=new)
    assert [one.id for one in call("leads.leads_list_leads", client).items] == [lead.id]

    file = types.File(payload=FILE, file_name="leads.csv", mime_type="text/csv")
    upload = call("imports.imports_upload", client, body=file)
    start = models.StartIn(source_id=UUID(clinic.source_id))
    call("imports.imports_start", client, upload.id, body=start)

    def is_done() -> bool:
        return call("imports.imports_get_import", client, upload.id).job.finished_at is not None

    wait_until(is_done, 60, "the import")
    assert {one.first_name for one in call("leads.leads_list_leads", client).items} == {"Ana", "Ida"}
    assert b"Jon" in call("imports.imports_download_errors", client, upload.id)
    wait_until(lambda: len(call("followups.followups_list_tasks", client).items) == 1, 60, "the rule's task")
    exported = call("followup_overview.followup_overview_export_tasks", client)
    assert b"Call the new lead" in exported.payload.read()
