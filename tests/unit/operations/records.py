"""Records of answers, ranked by the real core and written as a service leaves them."""

import itertools
from typing import Any

import msgspec

from recsys.encoding import canonical, rfc3339
from recsys.events import Decision, Exposure, Outcome, ShownItem
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.serving.answering import answer_digest
from recsys.serving.lines import drawn_from, shown_items
from recsys.snapshot import Snapshot, open_release, recommend, similar

__all__ = ["Recorder", "request_id_at"]

_files = itertools.count()


def request_id_at(seconds: float, *, number: int = 0) -> str:
    """Make an id as the service does, of a moment: a UUIDv7."""
    stamp = f"{int(seconds * 1000):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-{number:012x}"


class Recorder:
    """Answers from the releases of a store, and writes the exposures into it."""

    def __init__(self, store: Any, cache: Any, *, tenant: str = "demo") -> None:
        self.store, self._cache, self.tenant = store, cache, tenant

    def answer(
        self,
        request: RecommendRequest | SimilarRequest,
        *,
        at: float,
        generation: int | None = None,
        withdrawn: frozenset[str] = frozenset(),
        arm: str | None = None,
        seed: str | None = None,
        history_from: tuple[str, ...] = (),
        context: dict[str, str] | None = None,
        changed: dict[str, Any] | None = None,
    ) -> Exposure:
        """Answer as a service at that moment, and return what it would write. ``changed``: of the decision."""
        whole = open_release(self.store, self.tenant, generation=generation, root=self._cache).without(withdrawn)
        if isinstance(request, SimilarRequest):
            answer = similar(whole, request, now=at, arm=arm)
        else:
            answer = recommend(whole, request, now=at, arm=arm, seed=seed)
        drawn, teams = drawn_from(answer, seed or "")
        decision = Decision(
            kind="similar" if isinstance(request, SimilarRequest) else "recommend",
            request=msgspec.to_builtins(request),
            now=at,
            generation=whole.generation,
            algo_version="blend-2",
            answer=answer_digest(answer.items),
            arm=arm,
            seed=drawn,
            teams=teams,
            history_from=history_from,  # type: ignore[arg-type]
        )
        return Exposure(
            request_id=request_id_at(at),
            ts=rfc3339(at),
            user_id=getattr(getattr(request, "user", None), "user_id", None),
            key_id="k1",
            items=tuple(shown_items(answer, drawn_by_us=True)),
            context={**_context(whole, request.surface, arm), "tenant_id": self.tenant, **(context or {})},
            latency_ms=1.5,
            decision=msgspec.structs.replace(decision, **(changed or {})),
        )

    def write(self, *events: Exposure | Outcome, day: str | None = None) -> None:
        """Put events into the store, in one file."""
        stream = "exposures" if isinstance(events[0], Exposure) else "outcomes"
        lines = b"".join(canonical(event) + b"\n" for event in events)
        name = f"host-0-{next(_files)}.jsonl"
        self.store.objects.create(f"events/{self.tenant}/{stream}/dt={day or events[0].ts[:10]}/{name}", lines)

    def record(self, request: RecommendRequest | SimilarRequest, **how: Any) -> Exposure:
        """Answer and write it."""
        exposure = self.answer(request, **how)
        self.write(exposure)
        return exposure


def _context(snapshot: Snapshot, surface: str, arm: str | None) -> dict[str, str]:
    served = snapshot.arm(surface, arm)
    return {
        "surface": surface,
        "generation": str(snapshot.generation),
        "config_version": served.config_version,
        "rules_version": served.rules_version,
        "manifest_version": served.manifest_version(surface) or "",
        "algo_version": "blend-2",
        "rung": "live",
        "traffic": "user",
    }


def shown(*item_ids: str) -> tuple[ShownItem, ...]:
    """Return items as an exposure has them."""
    return tuple(ShownItem(item_id=item_id, rank=rank) for rank, item_id in enumerate(item_ids, 1))
