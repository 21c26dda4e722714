"""The manifests are valid, and say what the code says: ports, paths, settings, flags, how long it takes to stop."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.settings_named import VARIABLES, check_command

from recsys.encoding import Invalid
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines.sources import read_source
from recsys.serving.desk import ROUTES
from recsys.serving.settings import read_settings

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
VERSIONS = ("1.31", "1.34", "1.37")
BUILD = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())


def manifests() -> Iterator[dict[str, Any]]:
    for name in BUILD["resources"]:
        yield from yaml.safe_load_all((FOLDER / name).read_text())


def one(kind: str, name: str = "recsys") -> dict[str, Any]:
    return next(made for made in manifests() if made["kind"] == kind and made["metadata"]["name"] == name)


def pods() -> dict[str, dict[str, Any]]:
    """The two kinds of pod: what serves and what runs pipelines."""
    job = one("CronJob", "recsys-home")["spec"]["jobTemplate"]["spec"]
    return {"serve": one("Deployment")["spec"]["template"], "pipelines": job["template"]}


SERVE = pods()["serve"]["spec"]
(CONTAINER,) = SERVE["containers"]
ENVIRONMENT = dict(line.split("=", 1) for line in (FOLDER / "settings.env").read_text().splitlines())
SETTINGS = read_settings(ENVIRONMENT)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_one_of_kubernetes(version: str):
    validate = pytest.importorskip("kubernetes_validate", reason="no schemas here (PyPI: kubernetes-validate)").validate
    for made in manifests():
        validate(made, version, strict=True)


def test_every_file_is_used():
    files = {path.name for path in FOLDER.iterdir()} - {"kustomization.yaml"}
    generated = {name for of in BUILD["configMapGenerator"] for name in of.get("envs", []) + of.get("files", [])}
    assert files == set(BUILD["resources"]) | generated


def test_what_is_referred_to_is_there():
    made = {of["name"] for of in BUILD["configMapGenerator"]}
    claims = {of["metadata"]["name"] for of in manifests() if of["kind"] == "PersistentVolumeClaim"}
    accounts = {of["metadata"]["name"] for of in manifests() if of["kind"] == "ServiceAccount"}
    for pod in pods().values():
        spec = pod["spec"]
        assert spec["serviceAccountName"] in accounts
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        (container,) = spec["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        for volume in volumes.values():
            assert volume.get("configMap", {"name": "recsys-source"})["name"] in made
            assert volume.get("persistentVolumeClaim", {"claimName": "recsys-work"})["claimName"] in claims
        assert {of["configMapRef"]["name"] for of in container["envFrom"] if "configMapRef" in of} <= made


def test_selectors_choose_pods_that_are_there():
    labels = {name: pod["metadata"]["labels"] for name, pod in pods().items()}
    chosen = [one("Deployment")["spec"]["selector"]["matchLabels"]]
    chosen += [of["spec"]["selector"] for of in manifests() if of["kind"] == "Service"]
    chosen += [
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    chosen += [spread["labelSelector"]["matchLabels"] for spread in SERVE["topologySpreadConstraints"]]
    assert all(selector == labels["serve"] for selector in chosen)
    assert one("NetworkPolicy", "recsys-pipelines")["spec"]["podSelector"]["matchLabels"] == labels["pipelines"]


def test_settings_are_settings_and_are_taken():
    assert set(ENVIRONMENT) <= VARIABLES
    assert SETTINGS.env == "production"
    named = {of["name"] for of in CONTAINER["env"]}
    assert named <= VARIABLES


def test_it_holds_no_secret():
    for made in manifests():
        assert made["kind"] != "Secret"
    assert not [name for name in ENVIRONMENT if "KEY" in name or "PASSWORD" in name or name == "RECSYS_LOG"]


def test_the_cluster_puts_no_setting_of_its_own_into_the_environment():
    """A Service of this name would add RECSYS_SERVICE_HOST, which is near enough to a setting to be refused."""
    with pytest.raises(Invalid, match="RECSYS_SERVICE_HOST is not a setting"):
        read_settings({"RECSYS_SERVICE_HOST": "10.0.0.1"})
    assert [pod["spec"]["enableServiceLinks"] for pod in pods().values()] == [False, False]


def test_ports_and_paths_are_those_of_the_service():
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"http": SETTINGS.port, "operators": SETTINGS.admin_port}
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {f"GET {probe['path']}" for probe in probes.values()} <= ROUTES
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/readyz",
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    assert SETTINGS.host == SETTINGS.admin_host == "0.0.0.0", "probes and Prometheus come from outside the pod"


def test_the_supervisor_replaces_a_hung_worker_before_the_cluster_kills_the_pod():
    probe = CONTAINER["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 2 * SETTINGS.hung_s + SETTINGS.hung_s / 3


def test_users_cannot_reach_the_operators_port():
    of_users = one("Service")
    assert [port["targetPort"] for port in of_users["spec"]["ports"]] == ["http"]
    assert one("Service", "recsys-operators")["spec"]["clusterIP"] == "None"
    assert {made["spec"].get("type", "ClusterIP") for made in manifests() if made["kind"] == "Service"} == {"ClusterIP"}
    rules = one("NetworkPolicy")["spec"]["ingress"]
    reach = {port["port"]: rule["from"] for rule in rules for port in rule["ports"]}
    assert set(reach) == {"http", "operators"}
    assert reach["http"] != reach["operators"]
    assert all(source for source in reach.values()), "an empty `from` is everybody"


def test_it_has_time_to_stop():
    """The pause before the signal, then workers, then what they recorded: as the supervisor does it."""
    (pause,) = (int(word) for word in CONTAINER["lifecycle"]["preStop"]["exec"]["command"] if word.isdigit())
    stopping_s = SETTINGS.drain_s + 1 + max(5.0, SETTINGS.drain_s)
    assert SERVE["terminationGracePeriodSeconds"] >= pause + stopping_s + 5
    assert one("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("name", ["serve", "pipelines"])
def test_a_pod_may_do_little(name: str):
    spec = pods()[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 10_000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert all(volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume)


def test_what_is_written_to_is_mounted():
    mounts = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    (host_dir,) = (of["value"] for of in CONTAINER["env"] if of["name"] == "RECSYS_HOST_DIR")
    assert {host_dir, "/tmp"} <= mounts
    bound = next(volume["emptyDir"]["sizeLimit"] for volume in SERVE["volumes"] if volume["name"] == "host")
    disk = CONTAINER["resources"]["limits"]["ephemeral-storage"]
    assert int(disk.removesuffix("Gi")) > int(bound.removesuffix("Gi")), "the bound of the folder would never be met"


def test_the_nightly_job_runs_a_command_that_is_there():
    job = one("CronJob", "recsys-home")["spec"]
    (container,) = pods()["pipelines"]["spec"]["containers"]
    (script,) = container["args"]
    words = shlex.split(script.replace('"$(date -u -d yesterday +%F)"', "2026-11-22"))
    assert words[:2] == ["exec", "recsys"]
    check_command(words[2:])
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["activeDeadlineSeconds"] < THRESHOLDS.run_silent_s
    assert words[words.index("--source") + 1] == "/etc/recsys/source.yaml"
    assert read_source(FOLDER / "source.yaml")
