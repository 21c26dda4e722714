"""From a line of the exposure log to what the guard counts of it."""

from collections.abc import Callable

import msgspec

from recsys.encoding import Invalid, parse_rfc3339
from recsys.operations.guard.tally import Check, Seen

__all__ = ["Answers", "Unreadable"]


class Unreadable(ValueError):
    """A line that names the candidate, and is no exposure."""


class _Item(msgspec.Struct, frozen=True):
    """Of an item nothing is looked at."""


class _Context(msgspec.Struct, frozen=True):
    experiment_id: str | None = None
    experiment_variant: str | None = None
    unit_id: str | None = None
    generation: str = "0"
    rung: str = "live"


class _Line(msgspec.Struct, frozen=True):
    """What is looked at of an ``exposure.v1``."""

    ts: str
    items: tuple[_Item, ...]
    context: _Context = _Context()
    latency_ms: float | None = None
    error: str | None = None


class Answers:
    """Reads the answers of one candidate's experiment.

    Parameters
    ----------
    since
        The generation from which on they count: an abort that was undone begins anew.
    share_in
        Tells the candidate's share in a generation; ``None`` where it did not run.
    slow_ms
        An answer that took longer was slow.
    """

    def __init__(self, name: str, *, since: int, share_in: Callable[[int], float | None], slow_ms: float) -> None:
        self._name, self._named = name, msgspec.json.encode(name)
        self._since, self._share_in, self._slow_ms = since, share_in, slow_ms
        self._decoder = msgspec.json.Decoder(_Line)

    def read(self, line: bytes) -> Seen | None:
        """Return the answer, ``None`` for one that counts for no arm of this candidate; raises :class:`Unreadable`."""
        if self._named not in line:
            return None
        try:
            found = self._decoder.decode(line)
            generation = int(found.context.generation)
            at_s = parse_rfc3339(found.ts)
        except (msgspec.DecodeError, UnicodeDecodeError, Invalid, ValueError) as error:
            raise Unreadable(str(error)) from None
        context = found.context
        if context.experiment_id != self._name or context.unit_id is None:
            return None
        if context.rung != "live":
            generation = max(generation, self._since)  # a floor may be of an older release; it answered for this one
        share = self._share_in(generation) if generation >= self._since else None
        if share is None:
            return None
        if context.experiment_variant == "candidate":
            return Seen(at_s, "candidate", hash(context.unit_id), share, self._bad(found))
        if context.experiment_variant == "control":
            return Seen(at_s, "control", hash(context.unit_id), share, self._bad(found))
        return None

    def _bad(self, found: _Line) -> tuple[Check, ...]:
        if found.items and found.error is None and found.context.rung == "live" and self._is_quick(found):
            return ()
        bad: list[Check] = []
        if found.error is not None:
            bad.append("error")
        elif not found.items:
            bad.append("empty")
        if found.context.rung != "live":
            bad.append("fallback")
        if not self._is_quick(found):
            bad.append("slow")
        return tuple(bad)

    def _is_quick(self, found: _Line) -> bool:
        return found.latency_ms is None or found.latency_ms <= self._slow_ms
