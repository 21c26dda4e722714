"""Spans of what the follower does: one for each tenant that a step of it changed."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from recsys.releases.record import Release
from recsys.serving.host_state import Kept, Places, TenantState
from recsys.serving.loading import load
from recsys.store import Store

if TYPE_CHECKING:
    from recsys.serving.spans import Facts, Open, Spans

__all__ = ["FollowWatch"]


class FollowWatch:
    """Watches one follower, which takes its :meth:`load` from here. Without ``spans`` it looks away."""

    def __init__(self, spans: "Spans | None") -> None:
        self._spans = spans
        self._load_ms: dict[str, float] = {}

    def load(self, store: Store, release: Release, places: Places) -> Kept:
        """Load as :func:`recsys.serving.loading.load`, and remember how long that took."""
        began = time.perf_counter()
        try:
            return load(store, release, places)
        finally:
            self._load_ms[release.tenant] = round((time.perf_counter() - began) * 1000, 3)

    @contextmanager
    def step(self, tenants: Mapping[str, TenantState]) -> Iterator[None]:
        """Watch one step; ``tenants`` is what it may change."""
        if self._spans is None:
            yield
            return
        before = dict(tenants)
        opened = self._spans.begin("follow", key="")
        began = opened.began
        yield
        for tenant in sorted(set(chain(before, tenants))):
            if _known(before.get(tenant)) != _known(tenants.get(tenant)):
                self._end(self._spans, opened, tenant, tenants.get(tenant, TenantState()))
                opened = self._spans.begin("follow", key="", began=began)
        self._spans.drop(opened)

    def close(self) -> None:
        """Send what waits."""
        if self._spans is not None:
            self._spans.close()

    def _end(self, spans: "Spans", opened: "Open", tenant: str, state: TenantState) -> None:
        rejected = state.rejected
        facts: Facts = {
            "recsys.tenant": tenant,
            "recsys.generation": state.served,
            "recsys.load_ms": self._load_ms.pop(tenant, None),
            "recsys.pinned": state.pinned.generation if state.pinned else None,
            "recsys.rejected": rejected.generation if rejected else None,
            "recsys.problem": (rejected.reason if rejected else state.problem) or None,
        }
        spans.end(opened, facts=facts, failed=bool(rejected or state.problem))


def _known(state: TenantState | None) -> tuple[object, ...]:
    """Return what is told when it changes: not a head, which is news once it is loaded, and not a confirmation."""
    if state is None:
        return ()
    rejected = None if state.rejected is None else (state.rejected.generation, state.rejected.reason)
    return state.served, state.generation, rejected, state.problem, state.pinned, state.restored
