"""The production checklist: no item that cannot be true, and none that cannot be false."""

import datetime
import json
import os
import socket
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.unit.operations.installation import NOWHERE, Installation, answering

from recsys.encoding import Invalid, canonical, rfc3339
from recsys.operations.readiness import (
    AREAS,
    ITEMS,
    LIMITS,
    Answer,
    Facts,
    Urls,
    judged,
    read_answers,
    read_drills,
    read_load,
    rendered,
    written,
)
from recsys.releases import create_tenant, erase_users
from recsys.releases.manifest import read_manifest
from recsys.releases.restore import restore
from recsys.snapshot import open_release, write_floor

TODAY = datetime.datetime.now(datetime.UTC).date()
Arranged = Callable[[Installation], object]


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("first"))


@pytest.fixture
def here(first: Installation, tmp_path: Path) -> Installation:
    return Installation(tmp_path, copied_from=first)


@pytest.fixture(scope="module")
def quiet(first: Installation) -> Facts:
    return first.facts()


def environ(**variables: str) -> Arranged:
    return lambda here: here.environ.update(variables)


def answered(item: str, *, right: bool) -> Arranged:
    return lambda here: here.answers.update({item: Answer(answer=right, by="ann", on=TODAY)})


def nothing(_here: Installation) -> None:
    pass


def later(days: float, then: Arranged) -> Arranged:
    def arranged(here: Installation) -> None:
        then(here)
        here.ahead_d = days

    return arranged


def drill(
    here: Installation, *, passed: bool = True, name: str = "bad-rule", at: str | None = None, **more: str
) -> None:
    act = {"symptom": "s", "seconds": {"detect": 1.0}, **more}
    scenario = {"name": name, "title": name, "passed": passed, "acts": [act]}
    at = at or rfc3339(datetime.datetime.now(datetime.UTC).timestamp())
    report = {"schema": "drill.v1", "at": at, "version": "1", "seconds": 2.0, "passed": passed, "scenarios": [scenario]}
    path = here.folder / "drill.json"
    path.write_text(json.dumps(report))
    here.how["drills"] = read_drills(path)


def load(here: Installation, *, p99_ms: float = 4.0, errors: int = 0) -> None:
    figures = {"rps": 5000.0, "p99_ms": p99_ms, "errors": errors}
    path = here.folder / "load.json"
    path.write_text(json.dumps({"easy": {"report": figures}, "open_loop": {"report": figures}, "items": 1}))
    here.how["load"] = read_load(path)


def ports(here: Installation, url: str) -> None:
    here.how["urls"] = Urls(product=url, operators=url)


def floors(here: Installation) -> None:
    path = here.folder / "host" / "floors" / "demo.json"
    path.parent.mkdir(parents=True)
    write_floor(open_release(here.store, "demo", root=here.folder / "cache"), path)


def healthy(here: Installation) -> None:
    here.ran()
    here.hosts("a")


def candidate(here: Installation) -> None:
    here.releases.candidates.start("home", share=0.1, manifest=here.manifest(days_ago=1), reason="try")


def personal(here: Installation, *, until: date) -> None:
    """Serve a signal that is personal, as a release of some days ago may."""
    plain = read_manifest(here.store.blobs.read("demo", here.manifest()))
    ref = msgspec.structs.replace(plain.signals["cooc"][0], retain_until=until)
    manifest = here.shop.put(canonical(msgspec.structs.replace(plain, signals={**plain.signals, "cooc": (ref,)})))
    head = here.releases.current()
    surfaces = {"home": msgspec.structs.replace(head.surfaces["home"], manifest=manifest)}
    here.append(msgspec.structs.replace(head, surfaces=surfaces))


def jwt(here: Installation, *, source: str) -> None:
    here.environ |= {
        "RECSYS_SERVE_JWT_ISSUER": "https://login.example",
        "RECSYS_SERVE_JWT_AUDIENCE": "recsys",
        "RECSYS_SERVE_JWT_JWKS": source,
    }


def jwt_file(here: Installation) -> None:
    (here.folder / "jwks.json").write_text("{}")
    jwt(here, source=str(here.folder / "jwks.json"))


def forced(here: Installation) -> None:
    here.releases.ship("home", here.manifest(days_ago=1), reason="night", evidence=[b'{"forced":true,"failed":[]}'])


def secret_files(here: Installation) -> list[Path]:
    return [path for path in (here.folder / "store" / "secrets").rglob("*") if path.is_file()]


CASES: dict[str, tuple[Arranged, Arranged]] = {
    "settings-fit": (nothing, environ(RECSYS_SERVE_PORT="many")),
    "mode-named": (environ(RECSYS_ENV="production"), environ(RECSYS_ENV="development")),
    "keys-asked": (nothing, environ(RECSYS_SERVE_DEV_HEADERS="true", RECSYS_ENV="development")),
    "operators-port-inside": (
        environ(RECSYS_SERVE_ADMIN_HOST="10.0.0.7"),
        environ(RECSYS_SERVE_ADMIN_HOST="0.0.0.0"),
    ),
    "rate-limited": (environ(RECSYS_SERVE_TENANT_RATE_PER_S="100"), nothing),
    "two-hosts": (lambda here: here.hosts("a", "b"), lambda here: here.hosts("a")),
    "floor-present": (floors, lambda here: (here.folder / "host").mkdir()),
    "health-good": (healthy, lambda here: (healthy(here), here.ran(error="it broke"))),
    "least-role": (lambda here: here.key("client"), lambda here: here.key("operator")),
    "few-admin-keys": (
        lambda here: here.key("admin"),
        lambda here: [here.key("admin") for _ in range(LIMITS.admin_keys + 1)],
    ),
    "keys-young": (lambda here: here.key("client"), later(400, lambda here: here.key("client"))),
    "tokens-checked": (jwt_file, lambda here: jwt(here, source=str(here.folder / "nowhere.json"))),
    "pseudonym-key": (nothing, lambda here: [path.unlink() for path in secret_files(here)]),
    "secrets-closed": (nothing, lambda here: [path.chmod(0o644) for path in secret_files(here)]),
    "personal-data-deleted": (
        lambda here: personal(here, until=TODAY + timedelta(days=9)),
        lambda here: personal(here, until=TODAY - timedelta(days=9)),
    ),
    "erasure-tried": (
        lambda here: erase_users(here.releases, ["a" * 32], reason="asked"),
        answered("erasure-tried", right=False),
    ),
    "freshness-objective": (
        lambda here: here.config(surfaces={"home": {"freshness_slo_h": 30}}),
        lambda here: here.config(surfaces={"pdp": {"freshness_slo_h": 30}}),
    ),
    "surfaces-fresh": (
        nothing,
        lambda here: here.releases.ship("home", here.manifest(days_ago=4), reason="old"),
    ),
    "runs-ended-well": (lambda here: here.ran(), lambda here: here.ran(finished=None, stage="compute")),
    "checks-not-forced": (nothing, forced),
    "gate-set": (lambda here: here.config(gate={"max_empty_rate": 0.01}), nothing),
    "log-verifies": (
        nothing,
        lambda here: here.store.blobs.delete(
            "demo",
            read_manifest(here.store.blobs.read("demo", here.releases.current().surfaces["home"].manifest or ""))
            .signals["cooc"][0]
            .artifact,
        ),
    ),
    "restore-tested": (
        lambda here: restore(here.releases, above=9, reason="disk died"),
        later(100, lambda here: restore(here.releases, above=9, reason="disk died")),
    ),
    "runbooks-exercised": (drill, lambda here: drill(here, passed=False)),
    "load-tested": (load, lambda here: load(here, p99_ms=400.0)),
    "candidate-tried": (candidate, answered("candidate-tried", right=False)),
    "rollback-tried": (lambda here: (here.config(), here.releases.undo(reason="no")), nothing),
    "ships-with-evidence": (
        lambda here: here.releases.ship("home", here.manifest(days_ago=1), evidence=[b"{}"]),
        nothing,
    ),
    "holds-remembered": (
        lambda here: here.releases.hold(reason="incident"),
        later(8, lambda here: here.releases.hold(reason="incident")),
    ),
    "candidates-remembered": (candidate, later(50, candidate)),
}  # fmt: skip
"""What makes an item ``yes``, and what ``no``."""
WITH_PORTS = {
    "probes-answer": ({"/healthz": 200, "/readyz": 200}, {"/healthz": 200, "/readyz": 503}),
    "operators-port-guarded": ({"/v1/admin/tenants": 401}, {"/v1/admin/tenants": 200}),
}


def test_every_item_that_is_checked_is_tried_both_ways():
    assert CASES.keys() | WITH_PORTS.keys() == {item.id for item in ITEMS if item.check is not None}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("right", [True, False])
def test_a_checked_item_is_yes_where_it_is_so_and_no_where_not(here, name, right):
    CASES[name][0 if right else 1](here)
    found = here.item(name)
    assert found.result == ("yes" if right else "no"), found
    assert found.seen
    assert found.at
    assert (found.todo is None) == right


@pytest.mark.parametrize("name", WITH_PORTS)
@pytest.mark.parametrize("right", [True, False])
def test_ports_are_asked(here, name, right):
    with answering(WITH_PORTS[name][0 if right else 1]) as url:
        ports(here, url)
        assert here.item(name).result == ("yes" if right else "no")
    here.how["urls"] = NOWHERE
    assert here.item(name).result == "not known"
    assert "nothing answers" in here.item(name).seen


def test_ports_are_asked_themselves_and_no_proxy_and_nobody_they_send_to(here, monkeypatch):
    with answering({"/v1/admin/tenants": 302, "/": 401}, to="/") as url:
        monkeypatch.setenv("http_proxy", NOWHERE.product)
        ports(here, url)
        assert here.item("operators-port-guarded").seen.endswith("302")
        assert here.item("operators-port-guarded").result == "no"


def test_what_speaks_no_http_is_not_known(here):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(1 << 16)
                taken.sendall(b"SSH-2.0-x\r\n\r\n")

        speaking = threading.Thread(target=greet, daemon=True)
        speaking.start()
        ports(here, f"http://127.0.0.1:{server.getsockname()[1]}")
        found = here.item("operators-port-guarded")
        speaking.join(10)
    assert (found.result, "nothing answers" in found.seen) == ("not known", True)


def test_an_address_that_is_none_is_not_known(here):
    ports(here, "http://127.0.0.1:a/ b")
    found = here.item("operators-port-guarded")
    assert (found.result, "nothing answers" in found.seen) == ("not known", True)


@pytest.mark.parametrize("name", [item.id for item in ITEMS if item.check is None])
def test_an_item_that_is_asked_is_as_people_answer_while_the_answer_is_young(quiet, name):
    (item,) = (item for item in ITEMS if item.id == name)
    assert judged(item, quiet, None).result == "asked"
    for right in (True, False):
        found = judged(item, quiet, Answer(answer=right, by="ann", on=TODAY - timedelta(days=89), note="ticket 7"))
        assert (found.result, found.by, found.note) == ("yes" if right else "no", "ann", "ticket 7")
        assert found.at
        assert found.at.startswith(str(TODAY - timedelta(days=89)))
    for day in (TODAY - timedelta(days=92), TODAY + timedelta(days=3)):
        assert judged(item, quiet, Answer(answer=True, by="ann", on=day)).result == "not known"


def test_what_was_seen_goes_before_what_people_say(here):
    CASES["secrets-closed"][1](here)
    here.answers["secrets-closed"] = Answer(answer=True, by="ann", on=TODAY)
    assert here.item("secrets-closed").result == "no"


def test_what_could_not_be_seen_is_asked_where_people_can_know(here):
    here.environ["RECSYS_SERVE_ADMIN_HOST"] = "inside.example"
    assert here.item("operators-port-inside").result == "not known"
    here.answers["operators-port-inside"] = Answer(answer=True, by="ann", on=TODAY)
    assert here.item("operators-port-inside").result == "yes"


def test_a_drill_that_is_old_or_never_ended_well_is_no_evidence(here):
    drill(here, at="2024-01-01T00:00:00Z")
    assert here.item("runbooks-exercised").result == "no"
    drill(here, name="store restored", runbook="runbooks/restore-from-backup.md", command="recsys releases restore")
    assert (here.item("restore-tested").result, here.item("rollback-tried").result) == ("yes", "no")
    drill(here, command="recsys releases rollback --lever rules", at="2024-01-01T00:00:00Z")
    assert here.item("rollback-tried").result == "no"
    drill(here, command="recsys releases rollback --lever rules")
    assert here.item("rollback-tried").result == "yes"
    load(here, errors=1)
    assert here.item("load-tested").result == "no"
    os.utime(here.folder / "load.json", (0, 0))
    here.how["load"] = read_load(here.folder / "load.json")
    assert "d old" in here.item("load-tested").seen


def test_a_log_that_cannot_be_read_is_said_and_the_rest_is_still_checked(here):
    record = here.folder / "store" / "releases" / "demo" / "0000000002.json"
    record.chmod(0o644)
    record.write_bytes(b"{")
    found = here.walk()
    (log,) = (item for item in found.items if item.id == "log-verifies")
    assert (log.result, found.ready) == ("no", False)
    assert "demo" in log.seen


def test_tenants_do_not_lend_each_other_what_they_lack(here):
    here.key("client")
    create_tenant(here.store, "other", actor="ann")
    assert here.item("least-role").seen == "no client key: other"


def test_the_file_of_answers_asks_all_and_only_what_people_may_answer(tmp_path):
    path = tmp_path / "readiness.yaml"
    path.write_text(written(ITEMS, {}))
    empty = read_answers(path, ITEMS)
    assert set(empty) == {item.id for item in ITEMS if item.asked}
    assert {answer.answer for answer in empty.values()} == {None}
    given = {"tls": Answer(answer=True, by='ann "the" admin', on=TODAY, note="# no comment: läuft")}
    path.write_text(written(ITEMS, given))
    assert read_answers(path, ITEMS)["tls"] == given["tls"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tsl: {answer: yes}", "did you mean `tls`?"),
        ("tls: {answer: yes}", "needs `by` and `on`"),
        ("tls: {answer: perhaps, by: ann, on: 2026-11-20}", "bool"),
        ("tls: {answer: yes, by: ann, on: soon}", "date"),
        ("tls: {answer: yes, who: ann}", "who"),
        ("log-verifies: {answer: yes, by: ann, on: 2026-11-20}", "it is checked"),
        ("tls: 7", "tls"),
    ],
)
def test_an_answer_that_means_nothing_is_an_error_that_says_where(tmp_path, text, says):
    path = tmp_path / "readiness.yaml"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        read_answers(path, ITEMS)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema":"drill.v2","at":"2026-11-20T00:00:00Z","passed":true,"scenarios":[]}']
)
def test_another_file_is_no_report(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    for read in (read_drills, read_load):
        with pytest.raises(Invalid):
            read(path)
        with pytest.raises(Invalid):
            read(tmp_path / "nowhere.json")


def test_the_report_has_every_item_with_its_date_in_every_form(here):
    here.config(surfaces={})
    here.answers["tls"] = Answer(answer=False, by="<b>ann</b>", on=TODAY, note="a | b")
    found = here.walk()
    for name in ("r.md", "r.html"):
        text = rendered(found, Path(name))
        assert all(item.id in text for item in ITEMS)
        assert str(TODAY) in text
        assert "<b>ann</b>" not in text
    assert json.loads(rendered(found, Path("r.json")))["schema"] == "readiness.v1"
    with pytest.raises(Invalid, match=r"known: \.md"):
        rendered(found, Path("r.pdf"))
    rows = [line for line in rendered(found, Path("r.md")).splitlines() if line.startswith("| tls")]
    assert rows[0].replace("\\|", "").count("|") == 7


def test_items_are_told_apart_and_say_all_there_is_to_say():
    assert len({item.id for item in ITEMS}) == len(ITEMS)
    assert {item.area for item in ITEMS} == set(AREAS)
    for item in ITEMS:
        assert item.asks.endswith("?")
        assert all((item.how, item.why, item.todo))
