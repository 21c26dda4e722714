import json
import math
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.encoding import (
    Invalid,
    canonical,
    convert,
    decode,
    did_you_mean,
    digest,
    is_whole,
    parse_rfc3339,
    rfc3339,
    with_check,
)


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_k: int = 1


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limits: Inner = Inner()
    surfaces: dict[str, Inner] = {}
    many: tuple[Inner, ...] = ()
    kind: Literal["pin", "boost"] | None = None
    kinds: tuple[Literal["one", "two"], ...] = ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_canonical_bytes_say_the_same_whatever_the_order_of_keys(value: object) -> None:
    assert canonical(msgspec.json.decode(canonical(value))) == canonical(value)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_keys_were_put_in_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_a_digest_is_the_sha256_of_the_bytes() -> None:
    assert digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("document", "problem", "suggestion"),
    [
        (b'{"limit":{}}', "unknown field `limit`", "did you mean `limits`?"),
        (b'{"limits":{"maxk":1}}', "unknown field `maxk` in `limits`", "did you mean `max_k`?"),
        (b'{"surfaces":{"home":{"max":1}}}', "unknown field `max` in `surfaces[...]`", "did you mean `max_k`?"),
        (b'{"many":[{"mx_k":1}]}', "unknown field `mx_k` in `many[0]`", "did you mean `max_k`?"),
        (b'{"kind":"bost"}', "Invalid enum value 'bost' - at `$.kind`", "did you mean `boost`?"),
        (b'{"kinds":["one","three"]}', "Invalid enum value 'three' - at `$.kinds[1]`", "known: one, two"),
        (b'{"qqqqqqqq":1}', "unknown field `qqqqqqqq`", "known: kind, kinds, limits, many, surfaces"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(document: bytes, problem: str, suggestion: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode(document, Outer, what="config document")
    assert refused.value.problem == problem
    assert refused.value.next_step == suggestion


@pytest.mark.parametrize("data", [b'{"name":"\xff"}', b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_bytes_that_only_look_like_json_are_refused_as_json(data: bytes) -> None:
    with pytest.raises(Invalid, match="manifest: not JSON"):
        decode(data, dict[str, object], what="manifest")


@pytest.mark.parametrize("value", [{}, {"name": "mug", "weight": 2}])
def test_a_flipped_bit_shows_or_changes_nothing_that_is_read(value: dict[str, object]) -> None:
    data = with_check(canonical(value))
    assert is_whole(data)
    assert is_whole(canonical(value))  # of before there was a check
    for spot in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[spot // 8] ^= 1 << spot % 8
        if is_whole(bytes(flipped)):
            try:
                read = json.loads(bytes(flipped))
            except ValueError:
                continue
            assert {name: read.get(name) for name in value} == value
    assert not any(is_whole(data[:end]) for end in range(len(b'{"check":"'), len(data)))


def test_broken_json_says_what_was_read() -> None:
    with pytest.raises(Invalid, match="rules document: not JSON"):
        decode(b'{"limits"', Outer, what="rules document")


def test_a_wrong_type_says_where() -> None:
    with pytest.raises(Invalid, match=r"\$\.limits\.max_k"):
        convert({"limits": {"max_k": "many"}}, Outer, what="config document")


@given(st.floats(0, 4e9))
def test_times_survive_writing_and_reading_to_the_millisecond(seconds: float) -> None:
    assert math.isclose(parse_rfc3339(rfc3339(seconds)), seconds, abs_tol=0.001)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(Invalid, match="no time zone"):
        parse_rfc3339("2026-11-22T08:00:00")


def test_did_you_mean_lists_what_is_known_when_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["a", "b"]) == "known: a, b"
