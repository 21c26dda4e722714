"""What the image's file does to build it, done here: the installed command answers, writing only where it may."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.deploy.containerfile import REPOSITORY, environment, steps
from tests.integration.serving.shops import Shop, call, until

from recsys.serving.processes import read_processes

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the root of the image, made by the first stage's own commands."""
    root = tmp_path_factory.mktemp("image")
    source = root / "src"
    source.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RECSYS"))}
    for step in steps():
        if step.stage != 0:
            continue
        if step.word == "COPY":
            *parts, to = step.rest.split()
            target = source / to if len(parts) > 1 or to != parts[0] else source
            target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", *(str(REPOSITORY / part) for part in parts), str(target)], check=True)
        elif step.word == "RUN":
            command = step.rest.replace("/opt/", f"{root}/opt/").replace("/wheels", f"{root}/wheels")
            done = subprocess.run(
                ["sh", "-c", command], cwd=source, env=kept, capture_output=True, text=True, check=False
            )
            if "NewConnectionError" in done.stderr or "Temporary failure in name resolution" in done.stderr:
                pytest.skip("no package registry is reached from here")
            assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"
    return root


def test_the_command_it_installs_serves_and_writes_only_to_its_volumes(image: Path, tmp_path: Path):
    shop = Shop(tmp_path)
    shop.ship("a")
    program = image / "opt/recsys"
    before = listing(program)
    home = tmp_path / "nobody"
    home.mkdir(mode=0o500)
    settings = {
        **environment(),
        "PATH": f"{program}/bin:/usr/bin:/bin",
        "HOME": str(home),
        "RECSYS_HOST_DIR": str(tmp_path / "host"),
        "RECSYS_STORE": shop.address,
        "RECSYS_SERVE_HOST": "127.0.0.1",
        "RECSYS_SERVE_ADMIN_HOST": "127.0.0.1",
        "RECSYS_SERVE_PORT": "0",
        "RECSYS_SERVE_ADMIN_PORT": "0",
    }
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(
            ["recsys", "serve"], env=settings, cwd=home, stdout=log, stderr=log, executable=f"{program}/bin/recsys"
        )
        try:
            found = until(lambda: read_processes(tmp_path / "host/processes.json"), "it listens", timeout_s=60)
            product = f"http://{found.host}:{found.port}"
            until(lambda: call(f"{product}/readyz").status == 200, "it is ready", timeout_s=60)
            answer = call(f"{product}/v1/recommend", {"surface": "home", "k": 3}, X_API_Key=shop.client)
            assert answer.marks == {"a"}
            assert call(f"http://{found.admin_host}:{found.admin_port}/metrics").status == 200
        finally:
            service.terminate()
            assert service.wait(60) == 0
    assert listing(program) == before
    assert not list(home.iterdir())


def listing(folder: Path) -> set[tuple[str, int, int]]:
    return {(str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}
