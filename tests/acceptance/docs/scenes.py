"""What a document finds when its reader comes: the shop, the incident, and what happens meanwhile.

A scene is a function of the shop. It prepares the folder and returns what the document's stage directions do, by name:
a function to call, or commands for the reader's shell.
"""

import re
import shutil
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import obstore
import psycopg
from obstore.store import S3Store
from tests.acceptance.docs.shop import Shop
from tests.contract.origins import EventLog, brokers, fill_topic, new_topic
from tests.contract.servers import new_bucket, new_database, s3_options
from tests.unit.access.issuer import Issuer

__all__ = ["SCENES", "Directions"]

Directions = Mapping[str, Callable[[], None] | str]

_A_KEY = "export KEY=$(recsys keys create --role client | sed -n 2p)"
_A_SERVICE = f"""\
{_A_KEY}
recsys serve --port 8000 --admin-port 8001 > service.log 2>&1 &
until curl -sf -o /dev/null localhost:8000/readyz; do sleep 0.1; done"""
"""In the background of the reader's shell, which ends it by its process id."""
_NO_SERVICE = "kill $(jobs -p); wait"


def _people(shop: Shop, visits: int) -> Directions:
    return {"people come": lambda: shop.people(visits)}


def quiet(shop: Shop) -> Directions:
    """A shop as it should be, with some people in."""
    shop.people(60)
    return _people(shop, 60)


def busy(shop: Shop) -> Directions:
    """A shop with enough answers to judge by."""
    shop.people(900)
    return {}


def empty_recommendations(shop: Shop) -> Directions:
    """A recall list was exported without its filter: a rule blocks every item."""
    shop.people(120)
    shop.put_recall_list_without_its_filter()
    shop.people(120)
    return _people(shop, 120)


def relevance_regressed(shop: Shop) -> Directions:
    """A scraper's made-up users were in the export, and the nightly run, always forced, shipped what they like."""
    shop.people(2000)
    shop.build(shop.export_with_a_scraper(), reason="nightly run", force=True)
    shop.people(2000)
    return _people(shop, 400)


def bad_artifacts(shop: Shop) -> Directions:
    """As above, and nobody has waited for the clicks."""
    shop.build(shop.export_with_a_scraper(), reason="nightly run", force=True)
    return {}


def bad_config(shop: Shop) -> Directions:
    """Somebody thought that popularity alone would do."""
    return {
        "a bad config": lambda: _put_config(shop),
        "people come": lambda: shop.people(60),
    }


def _put_config(shop: Shop) -> None:
    shop.put_config({"algorithm": "popularity"}, reason="only what is popular")


def stale_artifacts(shop: Shop) -> Directions:
    """The nightly run did not come: the data ends four days ago."""
    shop.build(days_ago=5, reason="nightly run", force=True)
    shop.people(60)
    return _people(shop, 60)


def stale_manifest(shop: Shop) -> Directions:
    """A release is committed; then its largest artifact is damaged on disk, before the host has read it."""

    def damage() -> None:
        with shop.follower_standing_still():
            shop.damage_the_largest_artifact_of(shop.build(days=29, reason="nightly run"))

    return {"a service": _A_SERVICE, "a damaged release": damage}


def pipeline_failed(shop: Shop) -> Directions:
    """The export was cut in the middle of a line."""
    shop.cut_the_export()
    shop.people(60)
    return {}


def validation_failed(shop: Shop) -> Directions:
    """The export of a day broke off after a tenth of the day."""
    shop.people(60)
    return {"the export is whole": shop.lose_most_of_a_day()}


def limit_exceeded(shop: Shop) -> Directions:
    """One page of the shop asks in a loop, on a host that takes two requests a second of a tenant."""
    asks = 'curl -s -o /dev/null localhost:8000/v1/recommend -H "X-API-Key: $KEY" -d \'{"surface":"home","k":1}\''
    return {
        "a service": f"export RECSYS_SERVE_TENANT_RATE_PER_S=2\n{_A_SERVICE}",
        "a page asks in a loop": f"for n in $(seq 40); do {asks}; done",
        "the service is stopped": _NO_SERVICE,
    }


def service_not_ready(shop: Shop) -> Directions:
    """The machine ran out of memory, and killed every process of the service."""
    return {"a service": _A_SERVICE, "the service is killed": shop.kill_the_service}


def slow_answers(shop: Shop) -> Directions:
    """Two hosts serve the same release, and the disk of one of them has become slow."""
    shop.people(80, host="web-1", minutes_ago=50)
    shop.people(80, host="web-2", latency_ms=120.0, minutes_ago=48)

    def mended() -> None:
        shop.people(80, host="web-1", minutes_ago=6)
        shop.people(80, host="web-2", minutes_ago=4)

    return {"the disk is mended": mended}


def key_compromised(shop: Shop) -> Directions:
    """The key of an operator was in a screenshot, and somebody withdraws what people like best with it."""
    shop.people(60)
    withdraws = """\
export LEAKED=$(recsys keys create --role operator --reason 'the on-call laptop' | sed -n 2p)
withdraw() { curl -s -o /dev/null -w '%{http_code}' localhost:8001/v1/admin/tenants/demo/items/withdraw \\
  -H "X-API-Key: $LEAKED" -d '{"item_ids": ["i0001", "i0002"], "reason": "recall"}'; }
until withdraw | grep -q 200; do sleep 0.2; done"""
    return {"a service": _A_SERVICE, "somebody uses the key": withdraws}


def store_unavailable(shop: Shop) -> Directions:
    """The directory of the store goes away under a running service, and comes back."""
    return {
        "a service": _A_SERVICE,
        "the store goes away": shop.store_goes_away,
        "the store comes back": shop.store_comes_back,
    }


def pinned_host(shop: Shop) -> Directions:
    """A newer list is live on a host when the directory of the store goes away, and comes back."""
    return {**store_unavailable(shop), "a newer release": lambda: _build_newer(shop)}


def _build_newer(shop: Shop) -> None:
    shop.build(days=29, reason="nightly run")


def put_back_from_a_backup(shop: Shop) -> Directions:
    """The disk of the store dies an hour after the nightly backup; two changes were made in between."""
    records = shop.folder / "var/store/releases/demo"

    def back_up() -> None:
        without = shutil.ignore_patterns("current.json", "tmp", "replicas")
        shutil.copytree(shop.folder / "var/store", shop.folder / "backup", ignore=without)

    def goes_on() -> None:
        shop.put_config({"algorithm": "popularity"}, reason="a quiet day")
        shop.tenant.releases.withdraw(["i0001"], reason="recalled")

    return {
        "a service": _A_SERVICE,
        "a backup": back_up,
        "the shop goes on": goes_on,
        "the service has it": _until(f"grep -q '\"generation\":{_newest(records) + 2}' var/host/host.json"),
        "the disk dies": lambda: shutil.rmtree(shop.folder / "var/store"),
    }


def with_an_issuer(shop: Shop) -> Directions:
    """Somebody's sign-on service has published its keys, and the reader holds tokens of it."""
    issuer = Issuer("https://login.example")
    folder = shop.folder / "issuer"

    def publish() -> None:
        folder.mkdir()
        (folder / "jwks.json").write_bytes(issuer.jwks())
        (folder / "token").write_text(issuer.token())
        (folder / "others").write_text(issuer.token(tenant="other"))

    taken = 'until curl -s localhost:8001/health/detailed | grep -q \'keys","state":"healthy\'; do sleep 0.1; done'
    tokens = "export TOKEN=$(cat issuer/token) OTHERS=$(cat issuer/others)"
    return {"an issuer": publish, "a service": "\n".join((_A_SERVICE, taken, tokens))}


def events_pile_up(shop: Shop) -> Directions:
    """A file stands where the store's directory of events was."""

    def no_events() -> None:
        events = shop.folder / "var/store/events"
        if events.exists():
            events.rename(shop.folder / "events")
        events.write_text("")

    quick = "export RECSYS_SERVE_SPOOL_ROTATE_S=1 RECSYS_SERVE_SHIP_S=1\n"
    return {"a service": quick + _A_SERVICE, "events cannot be shipped": no_events}


def credentials_refused(_shop: Shop) -> Directions:
    """Somebody takes the key of the shop for one that is not used any more."""
    return {"a service": _A_SERVICE, "a key is revoked": 'recsys keys revoke "$(echo "$KEY" | cut -d_ -f2)"'}


def _until(holds: str) -> str:
    return f"until {holds}; do sleep 0.1; done"


def _newest(records: Path) -> int:
    return len(list(records.glob("0*.json")))


def elsewhere(_shop: Shop) -> Directions:
    """A bucket and a database stand on this machine, and the reader's environment says where."""
    options = s3_options()
    new_bucket("my-bucket")
    where = urllib.parse.urlsplit(new_database("recsys"))
    host = urllib.parse.parse_qs(where.query)["host"][0]
    said = {
        "AWS_ENDPOINT_URL": options["endpoint"],
        "AWS_ACCESS_KEY_ID": options["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": options["secret_access_key"],
        "PGHOST": host,
        "PGUSER": where.username or "postgres",
    }
    return {"a bucket and a database": "export " + " ".join(f"{name}={value}" for name, value in said.items())}


def from_elsewhere(shop: Shop) -> Directions:
    """What people did lies in a bucket, in a table, in a topic, and in the log of the service."""
    lines = (shop.folder / "shop/interactions.jsonl").read_bytes()
    options = dict(s3_options())
    client: Any = {"allow_http": options.pop("allow_http")}
    bucket = S3Store(new_bucket("shop-events"), client_options=client, **options)
    obstore.put(bucket, "export/2026/interactions.jsonl", lines)
    address = new_database("shop")
    rows = [msgspec.json.decode(line) for line in lines.splitlines()]
    _fill_table(address, rows)
    name = new_topic("shop-events")
    fill_topic(name, lines.splitlines())
    EventLog(shop.tenant, shop.folder).put(rows)
    said = {
        "AWS_ENDPOINT_URL": options["endpoint"],
        "AWS_ACCESS_KEY_ID": options["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": options["secret_access_key"],
        "SHOP_DB": address,
        "BROKERS": brokers(),
    }
    return {"the shop elsewhere": "export " + " ".join(f"{name}='{value}'" for name, value in said.items())}


def _fill_table(address: str, rows: Sequence[dict[str, Any]]) -> None:
    names = ("ts", "item_id", "event_type", "user_id", "session_id", "event_id")
    columns = ", ".join(f"{name} text" for name in names)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"create table events (id bigserial primary key, written_at timestamptz, {columns})")
        with cursor.copy(f"copy events (written_at, {', '.join(names)}) from stdin") as copy:
            for row in rows:
                copy.write_row([row["ts"], *(row.get(name) for name in names)])


def evaluation_looks_wrong(shop: Shop) -> Directions:
    """A week of logs, and on its busiest day the export of exposures stopped after a quarter of them."""
    some_logs(shop)
    exposures, outcomes = (shop.folder / "logs" / stream / "2026.jsonl" for stream in ("exposures", "outcomes"))
    rows = [(line, msgspec.json.decode(line)) for line in exposures.read_bytes().splitlines(keepends=True)]
    week = sorted({row["ts"][:10] for _, row in rows})[-7:]
    whole = [(line, row) for line, row in rows if row["ts"][:10] in week]
    asked = {row["request_id"] for _, row in whole}
    done = outcomes.read_bytes().splitlines(keepends=True)
    outcomes.write_bytes(b"".join(line for line in done if msgspec.json.decode(line)["request_id"] in asked))
    days = Counter(msgspec.json.decode(line)["ts"][:10] for line in outcomes.read_bytes().splitlines())
    busiest = max(week, key=lambda day: days[day])
    of_it = [line for line, row in whole if row["ts"][:10] == busiest]
    lost = set(of_it[len(of_it) // 4 :])
    exposures.write_bytes(b"".join(line for line, _ in whole if line not in lost))

    def mend() -> None:
        exposures.write_bytes(b"".join(line for line, _ in whole))

    return {"the export is whole": mend}


def some_logs(shop: Shop) -> Directions:
    """Logs of lists that were shown, and the two files of the page as a reader saves them."""
    page = (Path(__file__).parents[3] / "docs/how-to/evaluate-offline.md").read_text()
    for name in ("dataset", "config"):
        first = re.search(rf"^```yaml\n(# {name}\n.*?)^```", page, re.MULTILINE | re.DOTALL)
        assert first is not None
        (shop.folder / f"{name}.yaml").write_text(first[1])
    for stream in ("exposures", "outcomes"):
        logs = shop.folder / "logs" / stream
        logs.mkdir(parents=True)
        shutil.copy(shop.folder / "shop" / f"{stream}.jsonl", logs / "2026.jsonl")
    return {}


SCENES: Mapping[str, Callable[[Shop], Directions]] = {
    "runbooks/empty-recommendations.md": empty_recommendations,
    "runbooks/relevance-regressed.md": relevance_regressed,
    "runbooks/stale-artifacts.md": stale_artifacts,
    "runbooks/stale-manifest.md": stale_manifest,
    "runbooks/pipeline-failed.md": pipeline_failed,
    "runbooks/validation-failed.md": validation_failed,
    "runbooks/limit-exceeded.md": limit_exceeded,
    "runbooks/service-not-ready.md": service_not_ready,
    "runbooks/slow-answers.md": slow_answers,
    "runbooks/key-compromised.md": key_compromised,
    "runbooks/roll-back-config-or-rules.md": bad_config,
    "runbooks/roll-back-artifacts.md": bad_artifacts,
    "runbooks/hold-and-resume.md": quiet,
    "runbooks/store-unavailable.md": store_unavailable,
    "runbooks/events-pile-up.md": events_pile_up,
    "runbooks/credentials-refused.md": credentials_refused,
    "how-to/collect-garbage.md": quiet,
    "runbooks/evaluation-looks-wrong.md": evaluation_looks_wrong,
    "runbooks/restore-from-backup.md": put_back_from_a_backup,
    "how-to/back-up-and-restore.md": quiet,
    "how-to/prove-the-log.md": quiet,
    "how-to/audit-changes.md": quiet,
    "how-to/evaluate-offline.md": some_logs,
    "how-to/roll-back.md": quiet,
    "how-to/update-items.md": quiet,
    "how-to/keep-the-store-elsewhere.md": elsewhere,
    "how-to/read-events-from-elsewhere.md": from_elsewhere,
    "how-to/erase-a-user.md": quiet,
    "how-to/pin-a-host.md": pinned_host,
    "how-to/compare-two-releases.md": quiet,
    "how-to/go-to-production.md": quiet,
    "how-to/ship-with-evidence.md": busy,
    "how-to/try-a-candidate.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/guard-a-candidate.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/run-an-experiment.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/explore.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/explain-a-recommendation.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/add-a-key.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/use-the-console.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/let-in-with-jwt.md": with_an_issuer,
    "how-to/profile-a-slow-service.md": lambda _shop: {"a key": _A_KEY},
    "how-to/trace-and-log.md": lambda _shop: {"a key": _A_KEY},
    "how-to/delete-a-tenant.md": lambda _shop: {"a service": _A_SERVICE},
    "how-to/call-the-service.md": lambda _shop: {"a service": _A_SERVICE, "the service goes away": _NO_SERVICE},
}
"""By the document's path below ``docs``. A document that is not here begins in an empty folder."""
