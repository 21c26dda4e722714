"""The image says what the code says, and holds what it needs and nothing else."""

import fnmatch
import re

from tests.deploy.containerfile import REPOSITORY, Step, environment, steps
from tests.deploy.settings_named import VARIABLES, check_command

from recsys.serving.desk import ROUTES
from recsys.serving.settings import read_settings

LAST = [step for step in steps() if step.stage == 1]
IGNORE = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]


def of(word: str) -> list[Step]:
    return [step for step in LAST if step.word == word]


def test_both_stages_begin_with_the_base_one_chooses():
    assert steps()[0] == Step(-1, "ARG", "BASE=python:3.11-slim")
    assert [step.rest.split()[0] for step in steps() if step.word == "FROM"] == ["${BASE}", "${BASE}"]


def test_it_runs_as_nobody_in_particular():
    (user,) = of("USER")
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", user.rest), "a number: a cluster cannot see that a name is not root"
    assert steps().index(user) > max(steps().index(step) for step in LAST if step.word == "RUN")


def test_settings_are_settings_and_no_secret_is_among_them():
    ours = {name: value for name, value in environment().items() if name.startswith("RECSYS_")}
    assert set(ours) <= VARIABLES
    settings = read_settings(ours)
    assert settings.env == "production"
    (ports,) = of("EXPOSE")
    assert [int(port) for port in ports.rest.split()] == [settings.port, settings.admin_port]
    assert not [step for step in steps() if re.search(r"secret|password|token|_KEY=", step.rest, re.IGNORECASE)]


def test_what_it_writes_to_is_a_volume():
    (volumes,) = of("VOLUME")
    assert set(volumes.listed) == {environment()["RECSYS_HOST_DIR"], environment()["RECSYS_STORE"]}


def test_it_starts_the_service_and_asks_whether_it_is_ready():
    (entry,), (command,), (health,) = of("ENTRYPOINT"), of("CMD"), of("HEALTHCHECK")
    assert entry.listed == ["recsys"]
    check_command(command.listed)
    (path,) = re.findall(r"127\.0\.0\.1:8000(/\w+)", health.rest)
    assert f"GET {path}" in ROUTES


def test_packages_come_from_the_hashed_lock():
    installs = [step.rest for step in steps() if "pip install" in step.rest]
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def let_in(path: str) -> bool:
    """Tell whether the builder sees a path of the repository, by the last line that fits."""
    seen = True
    for line in IGNORE:
        pattern = line.removeprefix("!").removeprefix("**/")
        if fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/") or path.endswith(f"/{pattern}"):
            seen = line.startswith("!")
    return seen


def test_the_builder_sees_what_is_copied_and_nothing_else():
    copied = [
        part for step in steps() if step.word == "COPY" and "--from" not in step.rest for part in step.rest.split()[:-1]
    ]
    assert copied
    assert all(let_in(part) and (REPOSITORY / part).exists() for part in copied)
    assert not [
        path
        for path in ("var/store", ".git/config", "tests/conftest.py", ".venv/bin/python", "src/recsys/__pycache__")
        if let_in(path)
    ]
