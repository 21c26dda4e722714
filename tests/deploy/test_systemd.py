"""The units are valid and tight, and say what the code says: settings, flags, how long it takes to stop."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.deploy.settings_named import VARIABLES, check_command
from tests.deploy.units import FOLDER, environment_file, environment_of, unit

from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines.sources import read_source
from recsys.serving.settings import read_settings

ANALYZE = shutil.which("systemd-analyze") or ""
SYSTEM = Path("/lib/systemd/system")
needs_systemd = pytest.mark.skipif(
    not ANALYZE or not (SYSTEM / "sysinit.target").exists(), reason="there is no systemd-analyze (Debian: systemd)"
)
SERVICES = ("recsys.service", "recsys-nightly@.service")
STARTED = ("recsys.service", "recsys-nightly@home.service", "recsys-nightly@home.timer")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with our units and the command they start."""
    for name in ("etc/systemd/system", "opt/recsys/bin", "bin", "usr/lib/systemd"):
        (tmp_path / name).mkdir(parents=True)
    for path in (*FOLDER.glob("*.service"), *FOLDER.glob("*.timer")):
        shutil.copy(path, tmp_path / "etc/systemd/system")
    for command in ("opt/recsys/bin/recsys", "bin/sh"):
        (tmp_path / command).write_text("#!/bin/sh\n")
        (tmp_path / command).chmod(0o755)
    (tmp_path / "usr/lib/systemd/system").mkdir()
    for target in SYSTEM.glob("*.target"):
        shutil.copy(target, tmp_path / "usr/lib/systemd/system", follow_symlinks=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    return tmp_path


@needs_systemd
@pytest.mark.parametrize("name", STARTED)
def test_systemd_takes_it(root: Path, name: str):
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", f"--root={root}", f"/etc/systemd/system/{name}"],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "recsys" in line]
    assert not ours
    assert done.returncode == 0, done.stderr


@needs_systemd
@pytest.mark.parametrize("name", STARTED[:2])
def test_it_is_exposed_as_little_as_systemd_likes(root: Path, name: str):
    """10 is everything, 0 nothing; most services of a distribution are at 9.6."""
    done = subprocess.run(
        [
            ANALYZE,
            "security",
            "--offline=true",
            "--threshold=20",
            "--no-pager",
            f"--root={root}",
            f"/etc/systemd/system/{name}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_settings_are_settings_and_are_taken():
    known = VARIABLES
    others = {"PYTHONDONTWRITEBYTECODE", "RECSYS_TENANT", "RECSYS_ACTOR"}
    for name in SERVICES:
        assert set(environment_of(name)) <= known | others
    named = environment_file(examples=True)
    assert {name for name in named if name.startswith("RECSYS_")} <= known | others
    settings = read_settings({**environment_of("recsys.service"), **environment_file()})
    assert settings.env == "production"
    assert settings.admin_host == "127.0.0.1"


def test_no_secret_stands_in_a_unit_or_its_example():
    filled = {name: value for name, value in environment_file(examples=True).items() if "KEY" in name}
    assert filled
    assert not any(filled.values())
    for name in SERVICES:
        assert not [key for key in environment_of(name) if "KEY" in key or "PASSWORD" in key]


def test_it_starts_commands_that_are_there():
    (serve,) = unit("recsys.service")["ExecStart"]
    assert serve.split()[0] == "/opt/recsys/bin/recsys"
    check_command(serve.split()[1:])
    (nightly,) = unit("recsys-nightly@.service")["ExecStart"]
    shell, flag, script = shlex.split(nightly)
    assert (shell, flag) == ("/bin/sh", "-c")
    words = shlex.split(script.replace('"$(date -u -d yesterday +%%F)"', "2026-11-22").replace("%i", "home"))
    assert words[:2] == ["exec", "/opt/recsys/bin/recsys"]
    check_command(words[2:])
    assert "%" not in " ".join(words), "systemd takes a single % for a specifier"
    assert read_source(FOLDER / "source.yaml")


def test_all_that_is_written_lies_where_it_may_write():
    for name in SERVICES:
        (place,) = unit(name)["ReadWritePaths"]
        assert unit(name)["ProtectSystem"] == ["strict"]
        paths = {value for key, value in environment_of(name).items() if key in ("RECSYS_HOST_DIR", "RECSYS_STORE")}
        assert all(path.startswith(f"{place}/") for path in paths)
        assert place == f"/var/lib/{unit(name)['StateDirectory'][0]}"
    assert "--work /var/lib/recsys/" in unit("recsys-nightly@.service")["ExecStart"][0]


def test_it_has_time_to_stop():
    """The signal goes to the supervisor alone, which ends workers and then ships what they recorded."""
    said = unit("recsys.service")
    settings = read_settings({})
    assert int(said["TimeoutStopSec"][0]) >= settings.drain_s + 1 + max(5.0, settings.drain_s) + 5
    assert said["KillSignal"] == ["SIGTERM"]
    assert said["KillMode"] == ["mixed"], "workers that are told by systemd, too, would end before the follower"
    assert said["Restart"] == ["always"]


def test_a_run_ends_before_alarms_call_it_endless():
    (longest,) = unit("recsys-nightly@.service")["TimeoutStartSec"]
    assert int(longest.removesuffix("h")) * 3600 < THRESHOLDS.run_silent_s
