"""A shop's experiment of seven days, healthy, and the ways in which its logs break."""

import copy
import random
from collections import Counter
from typing import Any

from tests.unit.evaluation.conftest import Log, metric

from recsys.evaluation import Report, evaluate

DAYS = [f"2026-11-{22 + day}" for day in range(7)]
CONTROL, CANDIDATE = "plain", "taste"
ITEMS = ["i1", "i2", "i3"]
_DAY_MIN = 1440


def evenly(_day: int, _device: str, nth: int) -> str:
    return (CONTROL, CANDIDATE)[nth % 2]


class Shop:
    """``a_day`` units come first on each day, one of three again on the next; one of five is on a TV."""

    def __init__(self, log: Log, *, a_day: int = 60, arm: Any = evenly, keen: Any = None, seed: int = 3) -> None:
        self.log, self.dice, self.number = log, random.Random(seed), 0
        self.keen = keen or (lambda **_: 0.3)
        counted: Counter[str] = Counter()
        for day in range(len(DAYS)):
            for n in range(a_day):
                device = "tv" if n % 5 == 0 else "phone"
                given = arm(day, device, counted[device])
                counted[device] += 1
                self.visit(f"u{day}-{n}", given, day, device, first=True)
                if n % 3 == 0 and day + 1 < len(DAYS):
                    self.visit(f"u{day}-{n}", given, day + 1, device, first=False)

    def visit(self, unit: str, arm: str, day: int, device: str, *, first: bool, **more: str) -> str:
        self.number += 1
        request = f"r{self.number:05d}"
        minute = day * _DAY_MIN + self.dice.random() * 600
        surface = ("home", "pdp")[self.number % 2]
        context = {
            "experiment_id": "taste-1", "experiment_variant": arm, "unit_type": "anonymous_id", "unit_id": unit,
            "surface": surface, "rung": "live", "device": device, "unrecorded": "0", **more,
        }  # fmt: skip
        self.log.show(request, ITEMS, minute=minute, context=context)
        if self.dice.random() < self.keen(arm=arm, day=day, device=device, first=first):
            item, said = self.dice.choice(ITEMS), {"surface": surface}
            self.log.act(request, item, minute=minute + 1 + self.dice.random() * 3, **said)
            if self.dice.random() < 0.3:
                worth = round(20 * self.dice.lognormvariate(0, 0.4), 2)
                later = minute + 5 + self.dice.random() * 30
                self.log.act(request, item, "conversion", minute=later, value=worth, **said)
        return request

    @property
    def exposures(self) -> list[dict[str, Any]]:
        return self.log.rows["exposures"]

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        return self.log.rows["outcomes"]

    def of(self, *, arm: str | None = None, day: str | None = None) -> set[str]:
        """Return the request ids of an arm or of a day."""
        return {
            row["request_id"]
            for row in self.exposures
            if (arm is None or row["context"]["experiment_variant"] == arm) and (day is None or row["ts"][:10] == day)
        }

    def acted_on(self) -> set[str]:
        return {row["request_id"] for row in self.outcomes}

    def lose(self, requests: set[str]) -> set[str]:
        """Take the exposures of these requests out; what was done with them stays."""
        self.log.rows["exposures"] = [row for row in self.exposures if row["request_id"] not in requests]
        return requests

    def run(
        self, *, metrics: tuple[str, ...] = ("ctr",), slice_keys: tuple[str, ...] = (), mode: str = "experiment"
    ) -> Report:
        if mode == "offline":
            offline = {"metrics": [metric(name) for name in metrics], "slice_keys": list(slice_keys)}
            config: dict[str, Any] = {"mode": mode, "offline": offline}
            return evaluate(dataset=self.log.dataset(), config=config, allow_no_baseline=True)
        experiment = {
            "experiment_id": "taste-1", "control_variant": CONTROL, "variants": {CONTROL: 0.5, CANDIDATE: 0.5},
            "primary_metrics": list(metrics), "slice_keys": list(slice_keys),
        }  # fmt: skip
        return evaluate(dataset=self.log.dataset(), config={"mode": mode, "experiment": experiment})

    def take(self, other: "Shop") -> None:
        """Take another shop's rows."""
        self.log.rows = copy.deepcopy(other.log.rows)
