"""Whose head is asked for now: everybody's where asking is free, in turn where each question costs something."""

from collections.abc import Collection, Iterable

from recsys.store import Log

__all__ = ["Pacing"]


class Pacing:
    """Chooses tenants for one look at the heads.

    A log that hints which streams moved has those asked at once. Beside that each is asked once every ``pace_s`` of
    the log, the longest unasked first, and of all of them at most ``budget_per_s`` a second.
    """

    def __init__(self, *, budget_per_s: float) -> None:
        self._budget_per_s = budget_per_s
        self._asked_at: dict[str, float] = {}
        self._hinted: set[str] = set()
        self._allowance = 1.0
        self._allowed_at: float | None = None

    def due(self, log: Log, tenants: Iterable[str], *, now: float, hurry: bool) -> list[str]:
        """Return the tenants to ask now, sorted. ``now``: seconds that only go forward; ``hurry``: somebody asked to
        follow now, so all are.
        """
        known = sorted(tenants)
        moved = log.changed()
        if hurry or log.pace_s <= 0:
            chosen: Collection[str] = known
        else:
            if moved is None:
                self._asked_at.clear()  # what happened before hints began is not known
            self._hinted |= moved or frozenset()
            hinted = [tenant for tenant in known if tenant in self._hinted]
            chosen = hinted + self._in_turn([tenant for tenant in known if tenant not in self._hinted], log, now)
        for tenant in chosen:
            self._asked_at[tenant] = now
        self._hinted.difference_update(chosen)
        return sorted(chosen)

    def _in_turn(self, tenants: list[str], log: Log, now: float) -> list[str]:
        elapsed = 0.0 if self._allowed_at is None else now - self._allowed_at
        self._allowed_at = now
        most = max(1.0, self._budget_per_s)  # of a budget below one a second a whole question must add up
        self._allowance = min(most, self._allowance + elapsed * self._budget_per_s)
        late = [t for t in tenants if now - self._asked_at.get(t, float("-inf")) >= log.pace_s]
        late.sort(key=lambda tenant: self._asked_at.get(tenant, float("-inf")))
        chosen = late[: int(self._allowance)]
        self._allowance -= len(chosen)
        return chosen
