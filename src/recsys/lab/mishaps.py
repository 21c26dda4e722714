"""Two mishaps that really happen, made for real: the demo ships them, and nothing about them is pretended."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np

from recsys.encoding import canonical, rfc3339

__all__ = ["scraper_events", "unfiltered_recall"]


def unfiltered_recall(item_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return rules as someone made them from a recall list whose filter was forgotten: every item is on it."""
    return [{"id": "recall-list", "action": "block", "target_type": "item", "item_ids": list(item_ids)}]


def scraper_events(
    path: Path, *, wanted: Sequence[str], end: date, passed: Sequence[str] = (), visitors: int = 4000, seed: int = 5
) -> int:
    """Write interactions of a scraper that walks ``wanted`` items under made-up user ids; returns how many.

    Each made-up user takes ten items on the last day, so that votes by distinct user-days do not catch it; and on the
    way ten of those ``passed``, so that these seem to go with the others.
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    midnight = datetime.combine(end, time(), UTC).timestamp()
    lines = 0
    with path.open("wb") as file:
        for visitor in range(visitors):
            taken = [wanted[item] for item in chance.choice(len(wanted), size=10, replace=False)]
            if passed:
                taken += [passed[item] for item in chance.choice(len(passed), size=10, replace=False)]
            for item in dict.fromkeys(taken):
                event = {
                    "ts": rfc3339(midnight + 60 + float(chance.integers(0, 3000))),
                    "item_id": item,
                    "event_type": "conversion",
                    "user_id": f"x{visitor:06d}",
                    "session_id": f"x{visitor:06d}",
                }
                file.write(canonical(event) + b"\n")
                lines += 1
    return lines
