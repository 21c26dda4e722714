"""What the units forbid is nothing that the service or a pipeline run needs: seen in their system calls."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.deploy.units import unit
from tests.integration.serving.shops import Shop, call, until

from recsys.serving.processes import read_processes

STRACE, ANALYZE = shutil.which("strace") or "", shutil.which("systemd-analyze") or ""
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not STRACE, reason="there is no strace"),
    pytest.mark.skipif(not ANALYZE, reason="there is no systemd-analyze (Debian: systemd)"),
]


def calls_in(*groups: str) -> set[str]:
    """Return the system calls of systemd's groups, those within them too."""
    listed = subprocess.run([ANALYZE, "syscall-filter", *groups], capture_output=True, text=True, check=True).stdout
    names = {line.strip() for line in listed.splitlines() if re.fullmatch(r" +@?[a-z0-9_-]+", line)}
    inner = [name for name in names if name.startswith("@")]
    return names - set(inner) | (calls_in(*inner) if inner else set())


def allowed(name: str) -> set[str]:
    taken, refused = unit(name)["SystemCallFilter"]
    # Of systemd: what a process cannot do without is in every list that names what is taken.
    return (calls_in(taken) | calls_in("@default")) - calls_in(*refused.removeprefix("~").split())


def used(trace: Path) -> set[str]:
    return set(re.findall(r"^\d+ +([a-z0-9_]+)\(", trace.read_text(errors="replace"), re.MULTILINE))


def made_executable(trace: Path) -> list[str]:
    """Return calls that ``MemoryDenyWriteExecute=`` refuses: pages to write and run, or made to run later."""
    lines = re.findall(
        r"^\d+ +((?:mmap|mprotect|pkey_mprotect)\(.*PROT_EXEC.*)$", trace.read_text(errors="replace"), re.MULTILINE
    )
    return [line for line in lines if not line.startswith("mmap(") or "PROT_WRITE" in line]


def traced(trace: Path, *command: str) -> list[str]:
    return [STRACE, "-f", "-qq", "-s", "0", "-o", str(trace), sys.executable, "-m", "recsys", *command]


def test_the_service(tmp_path: Path):
    shop, trace = Shop(tmp_path), tmp_path / "trace"
    shop.ship("a")
    environment = {
        **os.environ,
        "RECSYS_STORE": shop.address,
        "RECSYS_HOST_DIR": str(tmp_path / "host"),
        "RECSYS_SERVE_PORT": "0",
        "RECSYS_SERVE_ADMIN_PORT": "0",
        "RECSYS_SERVE_SPOOL_ROTATE_S": "1",
        "RECSYS_SERVE_SHIP_S": "0.5",
        "RECSYS_SERVE_HUNG_S": "120",  # traced, it is slow
        "RECSYS_SERVE_RECORD_WAIT_S": "5",
    }
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(traced(trace, "serve"), env=environment, stdout=log, stderr=log)
        try:
            found = until(lambda: read_processes(tmp_path / "host/processes.json"), "it listens", timeout_s=90)
            product, admin = (f"http://{found.host}:{port}" for port in (found.port, found.admin_port))
            until(lambda: call(f"{product}/readyz").status == 200, "it is ready", timeout_s=90)
            answer = call(f"{product}/v1/recommend", {"surface": "home", "k": 3}, X_API_Key=shop.client)
            assert answer.status == 200
            for path in ("/metrics", "/health/detailed"):
                assert call(admin + path).status == 200
            shop.ship("b")
            until(lambda: any((tmp_path / "store/events").rglob("*.jsonl")), "events are shipped", timeout_s=60)
            os.kill(found.supervisor, signal.SIGTERM)
            assert service.wait(60) == 0
        finally:
            service.kill()
            service.wait()
    assert {"execve", "mmap", "fsync", "accept4"} <= used(trace)
    assert not used(trace) - allowed("recsys.service")
    assert not made_executable(trace)


def test_a_pipeline_run(tmp_path: Path):
    trace = tmp_path / "trace"
    environment = {**os.environ, "RECSYS_STORE": str(tmp_path / "store")}

    def recsys(*words: str) -> list[str]:
        return [sys.executable, "-m", "recsys", *words]

    small = ("--users", "80", "--items", "30", "--days", "10", "--seed", "7", "--end", "2026-11-22")
    subprocess.run(
        recsys("simulate", *small, "--out", str(tmp_path / "shop")), env=environment, check=True, capture_output=True
    )
    subprocess.run(recsys("tenants", "create", "demo"), env=environment, check=True, capture_output=True)
    command = ("pipelines", "run", "--surface", "home", "--events", str(tmp_path / "shop/interactions.jsonl"))
    more = ("--catalog", str(tmp_path / "shop/catalog.jsonl"), "--incremental", "--days", "9", "--end", "2026-11-22")
    done = subprocess.run(
        traced(trace, *command, *more, "--work", str(tmp_path / "work"), "--reason", "traced"),
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {"execve", "mmap", "fsync", "link"} & used(trace)
    assert not used(trace) - allowed("recsys-nightly@.service")
    assert not made_executable(trace)
