"""Every call of the client, written once: what is sent, how often, and what is made of what comes back. The two
transports do the sending and waiting.
"""

import random
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from recsys.client.answers import Accepted, Answer, BatchAnswer, Problem, Validated
from recsys.client.asking import BatchRequest, EventsRequest, RecommendRequest, SimilarRequest
from recsys.client.errors import Refused, ServiceUnavailable
from recsys.client.fallback import Fallback
from recsys.client.patience import Lost, Patience, Reply, Steps, Tried, keep_trying

__all__ = ["Core"]

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Core:
    """The calls of one client.

    Parameters
    ----------
    where
        The service's address, for messages.
    fallback
        Lists for when the service cannot be had; none: that is an error.
    clock, wall, chance
        Seconds that only grow, seconds since 1970, a number from 0 to 1.
    """

    def __init__(
        self,
        where: str,
        patience: Patience,
        fallback: Fallback | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.where = where
        self._patience, self._fallback = patience, fallback
        self._clock, self._wall, self._chance = clock, wall, chance

    def recommend(self, request: RecommendRequest) -> Steps[Answer]:
        """Rank items for a user on a surface; the arguments are the fields of :class:`RecommendRequest`.

        Raises
        ------
        Refused
            The service said no. A fallback does not hide it: what must change is on this side.
        ServiceUnavailable
            It could not be had, and there is no fallback list for the surface.
        """
        try:
            answer = yield from self._ask("/v1/recommend", request, Answer)
        except ServiceUnavailable as error:
            spare = self._instead(request, error.why)
            if spare is None:
                raise
            return spare
        if self._fallback:
            self._fallback.keep(request, answer)
        return answer

    def recommend_batch(self, batch: BatchRequest) -> Steps[tuple[Answer, ...]]:
        """Rank several lists for one page, all from one release; the arguments are the fields of
        :class:`~recsys.client.asking.BatchRequest`. Raises as ``recommend``; falls back for all lists or for none.
        """
        try:
            answered = yield from self._ask("/v1/recommend/batch", batch, BatchAnswer)
        except ServiceUnavailable as error:
            spare = self._spare(batch, error.why)
            if spare is None:
                raise
            return spare
        if self._fallback and not batch.dedupe:  # a deduped list lacks what the page showed above it
            for request, answer in zip(batch.requests, answered.answers, strict=False):
                self._fallback.keep(request, answer)
        return answered.answers

    def validate(self, request: RecommendRequest) -> Steps[Validated]:
        """Show a request with every default filled in, and its warnings; nothing is served or recorded. The arguments
        are those of ``recommend``, and it raises as that does without a fallback.
        """
        return self._ask("/v1/recommend/validate", request, Validated)

    def similar(self, request: SimilarRequest) -> Steps[Answer]:
        """List the neighbours of an item; the arguments are the fields of :class:`SimilarRequest`. Raises as
        ``recommend`` does without a fallback.
        """
        return self._ask("/v1/similar", request, Answer)

    def record_events(self, request: EventsRequest) -> Steps[Accepted]:
        """Send what people did, as ``events``; returns once it is on the service's disk.

        Raises
        ------
        Refused
            One of them means nothing; none was taken.
        ServiceUnavailable
            Perhaps they were taken: send the same objects again, each counts once.
        """
        return self._ask("/v1/events", request.events, Accepted)

    def _ask(self, path: str, question: object, kind: type[T]) -> Steps[T]:
        tried = yield from keep_trying(
            path, _encode(question), self._patience, clock=self._clock, chance=self._chance, wall=self._wall
        )
        return self._read(tried, kind)

    def _read(self, tried: Tried, kind: type[T]) -> T:
        last = tried.last
        if isinstance(last, Lost):
            raise ServiceUnavailable(self.where, last.why, tries=tried.tries)
        if last.status == 200:
            answer = _decoded(last.body, kind)
            if answer is not None:
                return answer
        problem = _problem(last)
        if 300 <= last.status < 500 and last.status != 429:
            raise Refused(problem)
        why = f"{problem.code} ({last.status}): {problem.detail}"
        raise ServiceUnavailable(self.where, why, tries=tried.tries, status=last.status, problem=problem)

    def _instead(self, request: RecommendRequest, why: str, shown: Iterable[str] = ()) -> Answer | None:
        return None if self._fallback is None else self._fallback.answer(request, why=why, shown=shown)

    def _spare(self, batch: BatchRequest, why: str) -> tuple[Answer, ...] | None:
        spare: list[Answer] = []
        shown: list[str] = []
        for request in batch.requests:
            answer = self._instead(request, why, shown)
            if answer is None:
                return None
            spare.append(msgspec.structs.replace(answer, name=request.name))
            shown += answer.item_ids if batch.dedupe else ()
        return tuple(spare)


def _decoded(body: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _problem(reply: Reply) -> Problem:
    """Return what a reply says is wrong; of one that is not the service's own, what can be said."""
    told = _decoded(reply.body, Problem)
    if told is None or not told.code:
        return Problem(status=reply.status, code="NOT_THE_SERVICE", detail="what answered does not speak as it does")
    return msgspec.structs.replace(told, status=reply.status)
