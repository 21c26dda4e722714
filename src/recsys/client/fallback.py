"""What to show when the service cannot be had: the application's own list, or what the service last said to nobody."""

import threading
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from recsys.client.answers import Answer, Meta, Notice, Ranked
from recsys.client.asking import Anchors, Candidates, Options, RecommendRequest, User

__all__ = ["CLIENT_RUNG", "FALLBACK_CLIENT", "Fallback"]

CLIENT_RUNG = "client"
"""``meta.rung`` of an answer that did not come from the service."""
FALLBACK_CLIENT = "FALLBACK_CLIENT"
"""The warning that such an answer bears."""
MOST_KEPT = 256
"""Answers kept in memory: surfaces times segments times contexts of an application, with room."""

_encode = msgspec.json.Encoder(order="sorted").encode


class Fallback:
    """Lists by surface, and the last answer to each question that was asked for nobody in particular.

    An answer to a person, or to what is in a basket, is that person's: it is not kept.

    Parameters
    ----------
    given
        Item ids by surface, in their order. A surface that is not in it is answered from memory.
    """

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        self._given = {surface: tuple(items) for surface, items in given.items()}
        self._kept: dict[bytes, Answer] = {}
        self._lock = threading.Lock()

    def keep(self, request: RecommendRequest, answer: Answer) -> None:
        """Remember an answer, if it may be shown to anybody and is not empty."""
        asked_for_nobody = (request.user, request.anchors, request.candidates) == (User(), Anchors(), Candidates())
        if request.surface in self._given or not asked_for_nobody or not answer.items:
            return
        question = _question(request)
        with self._lock:
            self._kept.pop(question, None)
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[question] = answer

    def answer(self, request: RecommendRequest, *, why: str, shown: Iterable[str] = ()) -> Answer | None:
        """Return a list for the request, or none when there is none.

        It keeps to ``k``, ``include_ids`` and ``exclude_ids``, and leaves out what is ``shown`` already. Constraints
        are for the service: a kept answer was made under the same ones, a given list is as it was given.
        """
        given = self._given.get(request.surface)
        if given is not None:
            items = tuple(Ranked(item_id=item, rank=0) for item in given)
            meta, source = Meta(surface=request.surface, segment=request.segment, rung=CLIENT_RUNG), "the given list"
        else:
            with self._lock:
                kept = self._kept.get(_question(request))
            if kept is None:
                return None
            items, source = kept.items, f"an earlier answer, of generation {kept.meta.generation},"
            meta = msgspec.structs.replace(kept.meta, rung=CLIENT_RUNG, request_id=None, client_request_id=None)
        wanted = request.candidates
        left_out = {*wanted.exclude_ids, *shown}
        ids = [
            i
            for i in items
            if i.item_id not in left_out and (not wanted.include_ids or i.item_id in wanted.include_ids)
        ]
        return Answer(
            items=tuple(
                Ranked(item_id=item.item_id, rank=rank, score=item.score)
                for rank, item in enumerate(ids[: request.k], start=1)
            ),
            meta=msgspec.structs.replace(meta, timings_ms={}, counts={}),
            warnings=(Notice(code=FALLBACK_CLIENT, detail=f"{source} answers: {why}"),),
        )


def _question(request: RecommendRequest) -> bytes:
    """Return what was asked, whoever asked: place, context, constraints and weights."""
    plain = {name: getattr(request, name) for name in RecommendRequest.__struct_fields__}
    for_nobody = {
        "user": User(),
        "anchors": Anchors(),
        "candidates": Candidates(),
        "options": Options(),
        "experiment": None,
        "traffic": "user",
        "k": 0,
    }
    return _encode(RecommendRequest(**plain | for_nobody))
