"""The first minute, as a newcomer types it: real processes, from the command line."""

import csv
import os
import random
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

_PAIRS = [("Teapot", "Teacup"), ("Hammer", "Nails"), ("Tent", "Sleeping bag"), ("Pen", "Notebook"), ("Bread", "Butter")]


def _recsys(*words: str, folder: Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "recsys", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_demo_shows_the_whole_promise_and_exits_0(tmp_path: Path) -> None:
    said = _recsys("demo", folder=tmp_path)
    for act in ("rule recall-list", "changed its artifacts", "chain, digests and pointer are right"):
        assert act in said
    assert (tmp_path / "var/demo/reports/blend.html").stat().st_size > 1000


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_demo_leaves_the_console_open_until_ctrl_c(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "recsys", "demo", "--keep", "--folder", str(tmp_path / "demo")]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as demo:
        assert demo.stdout is not None
        said = ""
        while "Ctrl-C ends it" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        found = re.search(r"console: (\S+)/console\n.*operator: (\S+)", said)
        assert found, said
        assert "Releases of demo" in _seen(found[1], "/console/t/demo/releases", key=found[2])
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=30) == 0


def _seen(origin: str, path: str, *, key: str) -> str:
    """Sign in to a console, and return one of its pages."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.addheaders = [("Origin", origin)]
    form = urllib.parse.urlencode({"credential": key, "to": path})
    with browser.open(f"{origin}/console/sign-in", form.encode()) as page:
        return str(page.read().decode())


def _orders(path: Path) -> None:
    """Write orders of a small shop in which five pairs of goods are bought together, and butter most of all."""
    chance = random.Random(3)
    moment = datetime(2026, 11, 1, 9, tzinfo=UTC)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Order ID", "Order Date", "Customer ID", "SKU", "Product Name", "Quantity", "Unit Price"])
        for order in range(400):
            moment += timedelta(minutes=chance.randrange(5, 60))
            pair = _PAIRS[min(chance.randrange(7), 4)]
            for title in pair:
                sku = f"S{sum(map(ord, title)):04d}"
                row = [
                    f"O{order}",
                    moment.strftime("%d/%m/%Y %H:%M"),
                    f"c{chance.randrange(150)}",
                    sku,
                    title,
                    1,
                    "4.50",
                ]
                rows.writerow(row)
        rows.writerow(["O999", moment.strftime("%d/%m/%Y %H:%M"), "c1", "S0001", "Returned thing", -1, "4.50"])


@pytest.mark.timeout(180)
def test_a_strangers_orders_become_recommendations_with_their_titles(tmp_path: Path) -> None:
    _orders(tmp_path / "orders.csv")
    said = _recsys("quickstart", "orders.csv", "--yes", "--port", "0", folder=tmp_path)
    assert "%d/%m/%Y %H:%M" in said
    together = said.split("What goes with")[1]
    assert together.splitlines()[0].strip() in {"Bread", "Butter"}
    first = together.splitlines()[1]
    assert ("Butter" if "Bread" in together.splitlines()[0] else "Bread") in first
    assert "Returned thing" not in said


@pytest.mark.long
@pytest.mark.timeout(180)
def test_who_is_ended_by_sigterm_leaves_no_service_behind(tmp_path: Path) -> None:
    _orders(tmp_path / "orders.csv")
    words = [sys.executable, "-m", "recsys", "quickstart", "orders.csv", "--yes", "--keep", "--port", "0"]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment) as started:
        assert started.stdout is not None
        said = ""
        while not (found := re.search(r"The service goes on at (\S+);", said)):
            line = started.stdout.readline()
            assert line, said
            said += line
        with urllib.request.urlopen(f"{found[1]}/healthz") as answer:
            assert answer.status == 200
        started.terminate()
        assert started.wait(timeout=30) == 0
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"{found[1]}/healthz")


def test_an_unanswered_guess_makes_nothing(tmp_path: Path) -> None:
    _orders(tmp_path / "orders.csv")
    said = _recsys("quickstart", "orders.csv", folder=tmp_path, code=2)
    assert "nothing was made" in said
    assert not (tmp_path / "var").exists()


def test_a_file_without_a_time_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("sku,customer\nA,1\n")
    said = _recsys("quickstart", "orders.csv", "--yes", folder=tmp_path, code=2)
    assert "no column says when something was bought" in said
