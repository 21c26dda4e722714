"""Where the time of an answer goes: its path in this process under the profiler, without the server around it."""

import cProfile
import io
import pstats
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from recsys.access import load_directory
from recsys.encoding import canonical
from recsys.releases import Releases
from recsys.serving.answering import PseudonymCache, answer
from recsys.serving.hosted import View
from recsys.serving.requests import read_recommend
from recsys.serving.tail import Happened, Standing, Tail
from recsys.snapshot import open_snapshot, prepare
from recsys.store import Store

__all__ = ["AnswerProfile", "profile_answers"]

_WARM = 1000


class AnswerProfile(msgspec.Struct, frozen=True, kw_only=True):
    """``answer_us``: decode, rank and encode an answer and its exposure, unprofiled. ``tail_us``: the same history
    found in the tail instead of the request. ``stranger_us``: none anywhere. ``text``: the profile of the first.
    """

    answers: int
    answer_us: float
    tail_us: float
    stranger_us: float
    text: str


def profile_answers(store: Store, tenant: str, bodies: Sequence[bytes], *, root: Path) -> AnswerProfile:
    """Answer the bodies from the newest release: once by the clock, once under the profiler."""
    release = Releases(store, tenant, actor="bench").current()
    snapshot = open_snapshot(prepare(release, blobs=store.blobs, root=root))
    view = View(tenant, snapshot=snapshot, path="", floor=None, newest=True, confirmed_at=None)
    cache = PseudonymCache(load_directory(store).tenant(tenant).pseudonyms)
    now = time.time()

    tail = Tail(lambda _: Standing(cache.key_id, frozenset()), units=len(bodies))

    def one(body: bytes) -> None:
        answer(
            view,
            read_recommend(body),
            request_id="01900000-0000-7000-8000-000000000000",
            client_request_id=None,
            pseudonyms=cache,
            confirm_s=10.0,
            started=time.perf_counter(),
            now=now,
            tail=tail,
        )

    def timed(bodies: Sequence[bytes]) -> float:
        for body in bodies[:_WARM]:
            one(body)
        began = time.perf_counter()
        for body in bodies:
            one(body)
        return (time.perf_counter() - began) / len(bodies) * 1e6

    answer_us = timed(bodies)
    without = [_without_history(body) for body in bodies]
    stranger_us = timed(without)
    tail.take([one for body in bodies for one in _told(tenant, body, cache, now)], now=now)
    tail_us = timed(without)
    profiler = cProfile.Profile()
    profiler.enable()
    for body in bodies:
        one(body)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(25)
    return AnswerProfile(
        answers=len(bodies), answer_us=answer_us, tail_us=tail_us, stranger_us=stranger_us, text=text.getvalue()
    )


def _without_history(body: bytes) -> bytes:
    request = read_recommend(body)
    return canonical(msgspec.structs.replace(request, user=msgspec.structs.replace(request.user, history=())))


def _told(tenant: str, body: bytes, cache: PseudonymCache, now: float) -> list[Happened]:
    user = read_recommend(body).user
    ids = (cache.of(user.user_id or ""),)
    history = enumerate(user.history)
    return [Happened(tenant, cache.key_id, ids, event.item_id, event.event_type, now - ago) for ago, event in history]
