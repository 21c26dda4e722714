"""Several lists for one page: what is asked for at once, and how a later list leaves out what an earlier one shows."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from recsys.ranking import RecommendRequest
from recsys.ranking.request import MAX_IDS
from recsys.serving.problems import Refusal
from recsys.serving.requests import checked, read

__all__ = ["MAX_LISTS", "BatchRequest", "ListRequest", "NamedRequest", "joined", "read_batch", "without"]

MAX_LISTS = 20
"""Most lists in one request: a page has a dozen, and each is ranked on the loop that answers everybody."""

_encode = msgspec.json.Encoder().encode


class ListRequest(RecommendRequest, frozen=True):
    """One list of a batch: what ``POST /v1/recommend`` takes, and a ``name`` that comes back with its answer."""

    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``POST /v1/recommend/batch`` takes. With ``dedupe`` no item stands in two of the lists: what an earlier one
    shows, a later one leaves out.
    """

    requests: Annotated[tuple[ListRequest, ...], Meta(min_length=1, max_length=MAX_LISTS)]
    dedupe: bool = False


class NamedRequest(NamedTuple):
    """A checked request and what the page calls it."""

    name: str | None
    request: RecommendRequest


_BATCH = msgspec.json.Decoder(BatchRequest)


def read_batch(body: bytes) -> tuple[list[NamedRequest], bool]:
    """Return the lists that are asked for, and whether to dedupe; raises as :func:`read_recommend`, with the place."""
    batch = read(body, _BATCH)
    named = []
    for place, one in enumerate(batch.requests):
        plain = RecommendRequest(**{field: getattr(one, field) for field in RecommendRequest.__struct_fields__})
        try:
            named.append(NamedRequest(one.name, checked(plain)))
        except Refusal as error:
            detail = f"requests[{place}]: {error.detail}"
            raise Refusal(error.status, error.code, detail, next_step=error.next_step) from None
    return named, batch.dedupe


def without(request: RecommendRequest, shown: Iterable[str]) -> RecommendRequest:
    """Return the request with more items excluded. So it is recorded, and a replay needs no other list.

    Raises
    ------
    Refusal
        422 when together they are more than a request may exclude.
    """
    excluded = tuple(dict.fromkeys((*request.candidates.exclude_ids, *shown)))
    if len(excluded) > MAX_IDS:
        detail = f"the lists before it and its exclude_ids leave out {len(excluded)} items, at most {MAX_IDS} are taken"
        raise Refusal(422, "INVALID", detail, next_step="ask for shorter lists")
    return msgspec.structs.replace(
        request, candidates=msgspec.structs.replace(request.candidates, exclude_ids=excluded)
    )


def joined(answers: Iterable[tuple[str | None, bytes]]) -> bytes:
    """Return the body of the whole from the names and bodies of its answers."""
    named = (body if name is None else b'{"name":' + _encode(name) + b"," + body[1:] for name, body in answers)
    return b'{"answers":[' + b",".join(named) + b"]}"
