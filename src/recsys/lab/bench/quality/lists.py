"""Lists by the suite itself: the real pipelines into a store of their own, and the real ranking over it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from msgspec.structs import replace

from recsys.encoding import canonical
from recsys.lab.bench.quality.split import Case, Period
from recsys.library import Suite, Tenant
from recsys.pipelines import EventMapping, run
from recsys.progress import Progress
from recsys.ranking.request import Candidates, HistoryEvent, RecommendRequest, User
from recsys.signals import SIGNALS
from recsys.snapshot import recommend

__all__ = ["SURFACE", "Shop", "build"]

SURFACE = "home"


class Shop:
    """Artifacts of one training window, ready to rank."""

    def __init__(self, tenant: Tenant, period: Period) -> None:
        self._now = datetime.combine(period.start, time(), UTC).timestamp()
        self._snapshot = tenant.snapshot()
        shelf = self._snapshot.shelf(SURFACE)
        assert shelf is not None
        self.signals = tuple(name for name in SIGNALS if name in shelf.signals)
        self.items = [shelf.id_of(number) for number in range(shelf.size)]

    def titles(self) -> dict[str, str]:
        """Return the titles of the catalogue, by item id."""
        return self._snapshot.titles(self.items)

    def asked(self, cases: Sequence[Case], *, k: int, new_only: bool = False) -> list[RecommendRequest]:
        """Return what each customer asks for: ``k`` items; ``new_only``: none that they had."""
        return [
            RecommendRequest(
                surface=SURFACE,
                k=k,
                user=User(history=tuple(HistoryEvent(item_id=item) for item in case.history)),
                candidates=Candidates(exclude_ids=tuple(sorted(case.had)) if new_only else ()),
            )
            for case in cases
        ]

    def rank(
        self,
        requests: Sequence[RecommendRequest],
        *,
        algorithm: str = "blend",
        weights: Mapping[str, float] | None = None,
        advance: Callable[[int], None] = lambda _units: None,
    ) -> list[list[str]]:
        """Return each request's list, by the core that ``recsys recommend`` and the service use.

        ``weights`` as a request may bring them; without, the defaults.
        """
        lists = []
        for request in requests:
            tuned = replace(request, algorithm=algorithm, weights=weights or {})
            answer = recommend(self._snapshot, tuned, now=self._now)
            lists.append([item.item_id for item in answer.items])
            advance(1)
        return lists


def build(
    suite: Suite,
    name: str,
    period: Period,
    *,
    start: date,
    events: Sequence[str],
    catalog: Sequence[str],
    mapping: EventMapping | None,
    config: Mapping[str, Any],
    progress: Progress,
) -> Shop:
    """Run the real pipelines over the days before the period, and ship; the checks of a run are not what is
    measured.
    """
    suite.create_tenant(name)
    tenant = suite.tenant(name)
    tenant.releases.put_config(canonical({**config, "flags": {**config.get("flags", {}), "request_weights": True}}))
    described = bool(catalog) or (mapping is not None and mapping.catalog is not None)
    run(
        tenant,
        surface=SURFACE,
        events=list(events),
        start=start,
        end=period.trained_to,
        catalog=catalog or None,
        mapping=mapping,
        signals=[name for name, signal in SIGNALS.items() if described or signal.reads != "catalog"],
        reason="bench quality",
        force=True,
        progress=progress,
    )
    return Shop(tenant, period)
