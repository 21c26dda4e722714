"""Artifacts that parse and must never be served, by what is wrong with them."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import COOC, ITEMS, POPULARITY, heading

from recsys.catalog import pack_catalog
from recsys.signals.artifact import positive_scale
from recsys.store.columns import Columns, pack


def edited(blob: bytes, **columns: object) -> bytes:
    """Write an artifact again with some columns replaced; a function is given the old column."""
    opened = Columns(blob, where="test")
    arrays = {name: opened[name].copy() for name in opened.names()}
    for name, value in columns.items():
        key = name.replace("__", ".")
        arrays[key] = value(arrays[key]) if callable(value) else value
    return pack(opened.kind, opened.meta, arrays)


def meta_edited(blob: bytes, **meta: object) -> bytes:
    opened = Columns(blob, where="test")
    return pack(opened.kind, {**opened.meta, **meta}, {name: opened[name] for name in opened.names()})


def at(position: int, value: object):
    def change(column):
        column[position] = value
        return column

    return change


def header_edited(blob: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Write an artifact again with another header over the same arrays; ``change`` edits the header in place."""
    header = json.loads(blob[16 : 16 + int.from_bytes(blob[8:16], "little")])
    change(header)
    return with_header(blob, json.dumps(header).encode())


def with_header(blob: bytes, text: bytes) -> bytes:
    """Write an artifact again with this header over the same arrays."""
    start = 16 + int.from_bytes(blob[8:16], "little")
    length = -(-(16 + len(text)) // 64) * 64 - 16
    return blob[:8] + length.to_bytes(8, "little") + text.ljust(length) + blob[start:]


def column_edited(blob: bytes, name: str, **fields: object) -> bytes:
    """Write an artifact again with a header that says something else of one column."""
    return header_edited(blob, lambda header: header["columns"][name].update(fields))


def scaled(blob: bytes, name: str, values: "np.typing.NDArray[Any]", **columns: object) -> bytes:
    """Write an artifact again with other values, and all else in it as those values ask for."""
    return meta_edited(edited(blob, **{name: values}, **columns), scale=positive_scale(values))


POP = artifacts.popularity(POPULARITY)
NEAR = artifacts.cooc(COOC)
OVERFLOWING = artifacts.cooc({("i01", "i02"): 1.0, **{("i01", f"i{n:02d}"): 5e-324 for n in range(3, 14)}})
CATALOG = pack_catalog(ITEMS, tenant="demo")

POISONS = {
    "popularity truncated": {"popularity": POP[:-64]},
    "popularity truncated in its header": {"popularity": POP[:40]},
    "popularity one byte": {"popularity": b"R"},
    "popularity not columnar": {"popularity": b"\x00" * 4096},
    "popularity of no items": {"popularity": artifacts.popularity({})},
    "popularity NaN": {"popularity": edited(POP, score=at(3, np.nan))},
    "popularity infinite": {"popularity": edited(POP, score=at(3, np.inf))},
    "popularity negative": {"popularity": edited(POP, score=at(3, -1.0))},
    "popularity doubled": {"popularity": edited(POP, score=lambda c: np.concatenate([c, c]))},
    "popularity in the wrong order": {"popularity": edited(POP, order=lambda c: c[::-1])},
    "popularity order out of range": {"popularity": edited(POP, order=at(0, 99))},
    "popularity order twice": {"popularity": edited(POP, order=np.zeros_like)},
    "popularity as float32": {"popularity": edited(POP, score=lambda c: c.astype(np.float32))},
    "popularity of another tenant": {"popularity": artifacts.popularity(POPULARITY, heading(tenant="other"))},
    "popularity of another scope": {
        "popularity": artifacts.popularity(POPULARITY, heading(scope="surface", surface="home"))
    },
    "popularity scale 0": {"popularity": meta_edited(POP, scale=0.0)},
    "popularity scale not a number": {"popularity": meta_edited(POP, scale="much")},
    "popularity scale absurd": {"popularity": meta_edited(POP, scale=1e300)},
    "popularity without a column": {
        "popularity": pack("popularity", Columns(POP, where="t").meta, {"score": np.ones(3)})
    },
    "popularity ids out of order": {"popularity": edited(POP, items__bytes=lambda c: c[::-1])},
    "popularity ids twice": {"popularity": edited(POP, items__bytes=lambda c: np.tile(c[:3], len(c) // 3))},
    "popularity id not UTF-8": {"popularity": edited(POP, items__bytes=at(-1, 0xFF))},
    "popularity offsets back": {"popularity": edited(POP, items__offsets=at(2, 0))},
    "popularity newer format": {"popularity": meta_edited(POP, format=2)},
    "cooc in place of popularity": {"popularity": NEAR},
    "cooc NaN": {"cooc": edited(NEAR, weight=at(0, np.nan))},
    "cooc above 1": {"cooc": edited(NEAR, weight=at(0, 2.0))},
    "cooc out of range": {"cooc": edited(NEAR, neighbours=at(0, 1 << 20))},
    "cooc negative neighbour": {"cooc": edited(NEAR, neighbours=at(0, -1))},
    "cooc own neighbour": {"cooc": edited(NEAR, neighbours=at(0, 0))},
    "cooc offsets absurd": {"cooc": edited(NEAR, offsets=at(1, 1 << 60))},
    "cooc unsorted": {"cooc": edited(NEAR, weight=lambda c: c[::-1])},
    "cooc empty": {"cooc": artifacts.cooc({})},
    "cooc of another tenant": {"cooc": artifacts.cooc(COOC, heading(tenant="other"))},
    "catalogue of another tenant": {"catalog": pack_catalog(ITEMS, tenant="other")},
    "catalogue negative price": {"catalog": edited(CATALOG, price=at(0, -1.0))},
    "catalogue infinite price": {"catalog": edited(CATALOG, price=at(0, np.inf))},
    "catalogue tag out of range": {"catalog": edited(CATALOG, tags__codes=at(0, 77))},
    "catalogue brand out of range": {"catalog": edited(CATALOG, brand=at(0, 5))},
    "catalogue availability as numbers": {"catalog": edited(CATALOG, available=lambda c: c.astype(np.uint8))},
    "catalogue short": {"catalog": edited(CATALOG, price=lambda c: c[:-1])},
    "catalogue two-dimensional": {"catalog": edited(CATALOG, price=lambda c: c.reshape(-1, 2))},
    "popularity scale negative": {"popularity": meta_edited(POP, scale=-1.0)},
    "popularity scale null": {"popularity": meta_edited(POP, scale=None)},
    "popularity scale beyond every number": {"popularity": meta_edited(POP, scale=10**400)},
    "popularity scores that overflow": {
        "popularity": scaled(POP, "score", np.array([1e-300] * 16 + [1e300]), order=np.array([16, *range(16)], "i4"))
    },
    "popularity rate infinite": {"popularity": edited(POP, rate=at(0, np.inf))},
    "popularity rate negative": {"popularity": edited(POP, rate=at(0, -0.5))},
    "popularity without votes": {"popularity": edited(POP, votes=at(0, 0))},
    "popularity shown less than never": {"popularity": edited(POP, shown=at(0, -1))},
    "popularity order as floats": {"popularity": edited(POP, order=lambda c: c.astype(np.float64))},
    "popularity votes as floats": {"popularity": edited(POP, votes=lambda c: c.astype(np.float64))},
    "popularity two-dimensional": {"popularity": edited(POP, score=lambda c: c.reshape(-1, 1))},
    "popularity id empty": {"popularity": edited(POP, items__offsets=at(1, 0))},
    "popularity ids absurdly long": {"popularity": artifacts.popularity({"i" * 100_000: 1.0, "i01": 2.0})},
    "popularity of items nobody sells": {"popularity": artifacts.popularity({"u1": 3.0, "u2": 1.0})},
    "popularity absurd size": {"popularity": column_edited(POP, "score", shape=[1 << 62])},
    "popularity absurd size without values": {"popularity": column_edited(POP, "score", shape=[0, 1 << 62])},
    "popularity negative size": {"popularity": column_edited(POP, "score", shape=[-1])},
    "popularity size beyond 64 bits": {"popularity": column_edited(POP, "score", shape=[1 << 80])},
    "popularity column out of range": {"popularity": column_edited(POP, "votes", offset=1 << 40)},
    "popularity columns over each other": {"popularity": column_edited(POP, "votes", offset=0)},
    "popularity column of objects": {"popularity": column_edited(POP, "score", dtype="|O8")},
    "popularity header length absurd": {"popularity": POP[:8] + b"\xff" * 8 + POP[16:]},
    "popularity header too deep": {"popularity": with_header(POP, b"[" * 100_000 + b"]" * 100_000)},
    "popularity bytes after its end": {"popularity": POP + bytes(64)},
    "cooc weights that overflow": {"cooc": OVERFLOWING},
    "cooc neighbour twice": {"cooc": edited(NEAR, neighbours=at(1, 1))},
    "cooc support lopsided": {"cooc": edited(NEAR, support=at(0, 9))},
    "cooc without support": {"cooc": edited(NEAR, support=at(0, 0))},
    "cooc scale not its own": {"cooc": meta_edited(NEAR, scale=0.123)},
    "cooc weight as float32": {
        "cooc": edited(
            artifacts.cooc({("i01", "i02"): 0.5, ("i01", "i03"): 0.25}), weight=lambda c: c.astype(np.float32)
        )
    },
    "cooc neighbours as int64": {"cooc": edited(NEAR, neighbours=lambda c: c.astype(np.int64))},
    "cooc offsets as int32": {"cooc": edited(NEAR, offsets=lambda c: c.astype(np.int32))},
    "cooc of items nobody sells": {"cooc": artifacts.cooc({("u1", "u2"): 0.5})},
    "popularity in place of cooc": {"cooc": POP},
    "catalogue with nothing to sell": {"catalog": edited(CATALOG, available=np.zeros_like)},
    "catalogue created beyond the calendar": {"catalog": edited(CATALOG, created_at=at(0, 1e300))},
    "catalogue created at infinity": {"catalog": edited(CATALOG, created_at=at(0, np.inf))},
    "catalogue tag twice on an item": {"catalog": edited(CATALOG, tags__codes=np.zeros_like)},
    "catalogue tags back": {"catalog": edited(CATALOG, tags__offsets=at(1, 1 << 40))},
    "catalogue category below none": {"catalog": edited(CATALOG, category=at(0, -2))},
    "catalogue country out of range": {"catalog": edited(CATALOG, countries__codes=at(0, 5))},
    "catalogue title not UTF-8": {"catalog": edited(CATALOG, titles__bytes=at(0, 0xFF))},
    "catalogue one title too few": {"catalog": edited(CATALOG, titles__offsets=lambda c: np.delete(c, 1))},
    "catalogue newer format": {"catalog": meta_edited(CATALOG, format=2)},
    "catalogue id twice": {"catalog": edited(CATALOG, items__bytes=lambda c: np.tile(c[:3], len(c) // 3))},
    "popularity in place of the catalogue": {"catalog": POP},
}
