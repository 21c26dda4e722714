"""A candidate on a store in memory, the log of what people were answered, and a clock: what a guard looks at."""

import itertools
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.releases.shop import TENANT, Shop, opened

from recsys.encoding import rfc3339
from recsys.evaluation.config import read_config
from recsys.events.layout import utc_day
from recsys.operations.guard import Guard, Here, Look, Terms
from recsys.releases import Releases
from recsys.releases.arm import is_assigned
from recsys.releases.record import FORMAT
from recsys.replicas import Heartbeat, Replica, write_heartbeat

NOW_S = 1_700_000_100.0
"""Soon after the shop's releases, by their clock."""

CONFIG: dict[str, Any] = {
    "mode": "experiment",
    "experiment": {
        "primary_metrics": ["ctr"],
        "usual_effect": 1.0,
        "guardrails": [{"metric": "empty_rate", "ceiling": 0.05}],
    },
}


class Street:
    """Generation 2 is live, candidate home-3 tries other artifacts, and one host serves them."""

    def __init__(self, *, share: float = 0.5, shop: Shop | None = None) -> None:
        self.shop = shop or opened()
        self.store = self.shop.store
        self.shop.theirs.ship("home", self.shop.m(1))
        self.shop.theirs.candidates.start("home", share=share, manifest=self.shop.m(2))
        self.now_s = NOW_S
        self._files = itertools.count(1)
        self._requests = itertools.count(1)
        self._candidate = self.shop.theirs.candidates.running("home")[0].candidate
        self._judging: list[Here] = []
        self.beat()

    def close(self) -> None:
        for each in self._judging:
            each.close()

    @property
    def releases(self) -> Releases:
        return self.shop.ours

    def beat(self, host: str = "web-1", *, generation: int = 3, **more: Any) -> None:
        replica = Replica(generation=generation, head=generation, **more)
        at = rfc3339(self.now_s)
        write_heartbeat(self.store.objects, Heartbeat(host=host, at=at, format=FORMAT, tenants={TENANT: replica}))

    def arm(self, unit: str) -> str:
        return "candidate" if is_assigned(self._candidate, tenant=TENANT, surface="home", unit_id=unit) else "control"

    def exposure(self, unit: str, *, arm: str | None = None, empty: bool = False, **more: Any) -> dict[str, Any]:
        context = {
            "tenant_id": TENANT, "surface": "home", "generation": "3", "rung": "live", "experiment_id": "home-3",
            "experiment_variant": arm or self.arm(unit), "unit_type": "anonymous_id", "unit_id": unit,
            "unrecorded": "0",
        } | more.pop("context", {})  # fmt: skip
        return {
            "request_id": f"r{next(self._requests)}",
            "ts": rfc3339(self.now_s),
            "items": [] if empty else [{"item_id": "mug", "rank": 1}],
            "context": context,
            "latency_ms": 2.0,
            **more,
        }

    def write(self, rows: Iterable[dict[str, Any]], *, stream: str = "exposures", host: str = "web-1") -> str:
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        return self.put(lines, stream=stream, host=host)

    def put(self, lines: bytes, *, stream: str = "exposures", host: str = "web-1") -> str:
        number = int(self.now_s * 1000) + next(self._files)
        key = f"events/{TENANT}/{stream}/dt={utc_day(self.now_s)}/{host}-worker-0-{number}.jsonl"
        self.store.objects.create(key, lines)
        return key

    def people(
        self,
        count: int,
        *,
        seed: int = 1,
        empty: float = 0.0,
        clicks: tuple[float, float] = (0.0, 0.0),
        only: str | None = None,
        **more: Any,
    ) -> None:
        """Let people come, each once; of the candidate's answers a share is ``empty``. ``clicks``: of candidate and
        control.
        """
        rng = random.Random(seed)
        shown, done, given = [], [], []
        for number in range(count):
            unit = f"u{seed}-{number}"
            arm = self.arm(unit)
            if only not in (None, arm):
                continue
            row = self.exposure(unit, empty=arm == "candidate" and rng.random() < empty, **more)
            shown.append(row)
            given.append(
                {"experiment_id": "home-3", "variant": arm, "unit_type": "anonymous_id"}
                | {"request_id": row["request_id"], "ts": row["ts"], "unit_id": unit}
            )
            if rng.random() < clicks[arm == "control"]:
                done.append(
                    {"request_id": row["request_id"], "item_id": "mug", "event_type": "click", "ts": row["ts"]}
                    | {"event_id": f"e{row['request_id']}"}
                )
        self.write(shown)
        self.write(given, stream="assignments")
        if done:
            self.write(done, stream="outcomes")

    def guard(self, *, config: Any = None, spool: Path | None = None, quiet: bool = False, **terms: Any) -> Guard:
        if config is not None:
            self._judging.append(Here(self.store, spool=spool))
        return Guard(
            self.releases,
            "home",
            terms=Terms(**terms),
            config=None if config is None else read_config(config, experiment_id="home-3"),
            judging=None if config is None else self._judging[-1],
            spool=spool,
            again="recsys guard --surface home",
            quiet=quiet,
            wall=lambda: self.now_s,
        )

    def look(self, **terms: Any) -> Look:
        return self.guard(**terms).look()
