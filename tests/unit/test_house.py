"""What must hold for the repository as a whole."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of what belongs to the project")
    return [REPOSITORY / line for line in listed.stdout.splitlines() if (REPOSITORY / line).is_file()]


def test_lock_files_name_no_host() -> None:
    for lock in (REPOSITORY / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(), lock.name


def test_every_locked_package_has_a_hash() -> None:
    for lock in (REPOSITORY / "requirements").glob("*.txt"):
        text = lock.read_text()
        pinned = re.findall(r"^[a-z0-9][\w.\[\]-]*==", text, re.MULTILINE | re.IGNORECASE)
        assert len(pinned) <= text.count("--hash=sha256:"), lock.name
        assert pinned, lock.name


def test_every_dependency_has_a_bound_and_a_reason() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    reasons = (REPOSITORY / "docs/reference/dependencies.md").read_text()
    optional = [name for group in project["optional-dependencies"].values() for name in group]
    for requirement in project["dependencies"] + optional:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        assert "<" in requirement, f"{requirement} has no upper bound"
        assert f"| `{name[0]}` |" in reasons, f"docs/reference/dependencies.md gives no reason for {name[0]}"


def test_files_stay_short_enough_to_read() -> None:
    long = {path.name: count for path in _tracked("src/*.py") if (count := len(path.read_text().splitlines())) > 400}
    assert not long


def test_no_room_is_called_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "manager", "misc"}
    assert not [path for path in _tracked("src/*.py") if drawers & {path.stem, path.parent.name}]


@pytest.mark.parametrize("heavy", ["duckdb", "litestar", "typer", "rich", "scipy", "yaml"])
def test_the_answering_process_stays_small(heavy: str) -> None:
    code = f"import sys, recsys.serving.worker; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, (
        f"recsys.serving.worker imports {heavy}"
    )


def test_nothing_is_opened_or_read_at_import() -> None:
    code = "import recsys, sys; sys.exit(any(name in sys.modules for name in ('duckdb', 'numpy', 'litestar')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
