"""Requests with known answers, from days that no artifact has seen: what offline evaluation judges lists by."""

from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path

import duckdb
import msgspec

from recsys.encoding import canonical

__all__ = ["HeldOut", "hold_out"]


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one split: requests as ``recsys recommend --requests`` takes them, and what was shown and done."""

    requests: Path
    exposures: Path
    outcomes: Path
    count: int


def hold_out(shop: Path, out: Path, *, start: date, surface: str, k: int, requests: int) -> HeldOut:
    """Write the held-out requests of a simulated shop.

    A request knows what its user did before it, newest first. What the same user went on to do within a day, on any
    item, is its outcome: lists are judged by what people wanted, not by what the old shop happened to show.

    Parameters
    ----------
    shop
        A directory of ``recsys simulate --format jsonl``.
    start
        The first held-out day, UTC; train on days before it.
    """
    engine = duckdb.connect()
    statement = files("recsys.lab").joinpath("heldout.sql").read_text()
    engine.execute(
        statement.format(
            exposures=shop / "exposures.jsonl",
            interactions=shop / "interactions.jsonl",
            start_s=datetime.combine(start, time(), UTC).timestamp(),
            surface=surface,
            requests=requests,
        )
    )
    out.mkdir(parents=True, exist_ok=True)
    found = HeldOut(
        requests=out / "requests.jsonl",
        exposures=out / "exposures.jsonl",
        outcomes=out / "outcomes.jsonl",
        count=requests,
    )
    asked = engine.execute(
        "select asked.request_id, exposure, coalesce(history, []) "
        "from asked left join before using (request_id) order by 1"
    ).fetchall()
    with found.requests.open("wb") as lists, found.exposures.open("w") as shown:
        for request_id, exposure, history in asked:
            user = {"history": [{"item_id": item} for item in history]}
            lists.write(canonical({"request_id": request_id, "surface": surface, "k": k, "user": user}) + b"\n")
            shown.write(exposure + "\n")
    after = engine.execute(
        "select request_id, item_id, user_id, strftime(ts, '%Y-%m-%dT%H:%M:%S.%gZ') from after order by 1, 2"
    ).fetchall()
    with found.outcomes.open("wb") as done:
        for request_id, item_id, user_id, at in after:
            outcome = {"request_id": request_id, "item_id": item_id, "event_type": "click", "ts": at}
            done.write(canonical(outcome | ({"user_id": user_id} if user_id else {})) + b"\n")
    return msgspec.structs.replace(found, count=len(asked))
