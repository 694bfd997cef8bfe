"""deploy/kubernetes and deploy/compose run the parts of the Procfile, with settings that exist."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import pytest
import yaml

from app.config import Settings
from app.ops.stack.numeric_settings import PROCESS_COUNTS
from app.ops.stack.procfile import ROOT, parts

Resource: TypeAlias = Mapping[str, Any]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: Final[Resource] = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
RESOURCES: Final[list[Resource]] = [
    one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((KUBERNETES / name).read_text())
]
COMPOSE: Final[Resource] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
WORKERS: Final[Resource] = yaml.safe_load((ROOT / "deploy" / "compose" / "workers.yml").read_text())
NOT_IN_A_CLUSTER: Final = {"mailbox", "echo", "flower"}
OF_SCRIPTS: Final = {"BIND_ADDRESS", *PROCESS_COUNTS}  # read by the Procfile and by gunicorn
SECRETS: Final = list(yaml.safe_load_all((KUBERNETES / "secret.example.yaml").read_text()))


def of_kind(kind: str) -> dict[str, Resource]:
    """Return the resources of a kind by name."""
    return {one["metadata"]["name"]: one for one in RESOURCES if one["kind"] == kind}


def containers() -> Iterator[tuple[str, Resource]]:
    """Yield each container with the name of its pod."""
    for kind in ("Deployment", "Job"):
        for name, one in of_kind(kind).items():
            yield from ((name, container) for container in one["spec"]["template"]["spec"]["containers"])


def test_every_part_runs_in_one_container() -> None:
    commands = [container["args"] for pod, container in containers() if pod != "migrate"]

    assert sorted(name for *_, name in commands) == sorted(set(parts()) - NOT_IN_A_CLUSTER)
    assert all(command[:2] == ["serve", "--watch"] for command in commands)  # restarted when frozen


def test_pods_have_the_image_of_the_dockerfile_and_no_privileges() -> None:
    assert [image["name"] for image in KUSTOMIZATION["images"]] == ["relance"]
    [user] = re.findall(r"useradd .*--uid (\d+)", (ROOT / "Dockerfile").read_text())
    for pod, container in containers():
        assert container["image"] == "relance", pod
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    for one in (*of_kind("Deployment").values(), *of_kind("Job").values()):
        assert one["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == int(user)
        assert one["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


def test_pods_get_longer_than_a_step_and_the_soft_shutdown() -> None:
    longest = Settings.model_fields["hard_time_limit"].default
    for name, one in of_kind("Deployment").items():
        assert one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > longest + 20, name


def test_settings_exist() -> None:
    known = {name.upper() for name in Settings.model_fields} | OF_SCRIPTS
    literals = KUSTOMIZATION["configMapGenerator"][0]["literals"]
    given = {line.partition("=")[0] for line in literals} | {name for one in SECRETS for name in one["stringData"]}

    assert given <= known
    assert {"SECRET_KEY", "DATABASE_URL", "BROKER_URL", "SMTP_URL", "PUBLIC_URL", "MAIL_FROM"} <= given


def test_secrets_are_empty_and_only_migrations_see_the_owner() -> None:
    assert {value for one in SECRETS for value in one["stringData"].values()} == {""}
    assert "secret.example.yaml" not in KUSTOMIZATION["resources"]
    for pod, container in containers():
        sources = [source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source]
        assert sources == (["relance", "relance-owner"] if pod == "migrate" else ["relance"])


def test_migrations_run_as_a_job() -> None:
    [(name, job)] = of_kind("Job").items()
    [container] = job["spec"]["template"]["spec"]["containers"]

    assert (name, container["args"]) == ("migrate", ["init", "--login"])
    assert job["spec"]["ttlSecondsAfterFinished"] > 0  # else the next version could not create it


def test_api_is_probed_and_workers_are_not() -> None:
    probed = {container["name"]: container for _, container in containers() if "livenessProbe" in container}

    assert set(probed) == {"web"}
    assert probed["web"]["livenessProbe"]["httpGet"]["path"] == "/livez"  # does not ask the broker
    assert probed["web"]["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_api_and_live_updates_share_the_folder_of_their_socket() -> None:
    [settings] = KUSTOMIZATION["configMapGenerator"]
    assert "STREAM_SOCKET=/run/relance/stream.sock" in settings["literals"]
    pod = of_kind("Deployment")["web"]["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == ["web", "stream"]
    assert all(one["volumeMounts"] == [{"name": "run", "mountPath": "/run/relance"}] for one in pod["containers"])


def test_workers_are_added_by_lateness() -> None:
    scaled = of_kind("HorizontalPodAutoscaler")
    published = (ROOT / "app" / "api" / "operations" / "metrics.py").read_text()
    adapter = (KUBERNETES / "prometheus-adapter.yaml").read_text()

    assert set(scaled) == {"steps", "deliveries"}
    for name, one in scaled.items():
        [metric] = one["spec"]["metrics"]
        assert f'"{metric["external"]["metric"]["name"]}"' in published
        assert metric["external"]["metric"]["name"] in adapter
        assert one["spec"]["scaleTargetRef"]["name"] == name
        assert one["spec"]["minReplicas"] >= 3
        assert "replicas" not in of_kind("Deployment")[name]["spec"]  # an update must not undo the scaling


def test_labels_of_pods_and_selectors_agree() -> None:
    for name, one in of_kind("Deployment").items():
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"] == labels == one["metadata"]["labels"], name
    assert of_kind("Service")["web"]["spec"]["selector"] == of_kind("Deployment")["web"]["metadata"]["labels"]


def test_kustomize_builds_the_resources() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run(["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr
    made = list(yaml.safe_load_all(built.stdout))
    assert len(made) == len(RESOURCES) + 1  # the settings
    assert {one["metadata"].get("namespace", "relance") for one in made} == {"relance"}


def test_compose_with_more_workers_adds_to_the_services_of_compose() -> None:
    services = WORKERS["services"]

    assert set(services) - set(COMPOSE["services"]) == {"pgbouncer"}
    assert {name: one["deploy"]["replicas"] for name, one in services.items() if "deploy" in one} == {
        "steps": 3,
        "deliveries": 3,
    }
    pooled = {name for name, one in services.items() if "@pgbouncer:6432/" in str(one.get("environment"))}
    assert pooled == set(parts()) - NOT_IN_A_CLUSTER
    assert "listen_port = 6432" in services["pgbouncer"]["command"][-1]
    assert "pool_mode = transaction" in services["pgbouncer"]["command"][-1]
