"""Pseudonyms: the same id and key give the same name, and nothing else is told."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from recsys.access import PSEUDONYM_LENGTH, Pseudonyms
from recsys.encoding import Invalid

KEY = Pseudonyms("k1", b"s" * 32)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def test_a_pseudonym_is_the_first_half_of_the_hmac_sha256() -> None:
    expected = hmac.new(b"s" * 32, "käufer-1".encode(), hashlib.sha256).hexdigest()[:32]
    assert KEY.of("käufer-1") == expected
    assert PSEUDONYM_LENGTH == 32


@given(ids, ids)
def test_two_ids_share_a_pseudonym_only_if_they_are_the_same(one: str, other: str) -> None:
    assert (KEY.of(one) == KEY.of(other)) == (one == other)


@given(ids)
def test_another_key_gives_another_name(raw: str) -> None:
    assert Pseudonyms("k2", b"t" * 32).of(raw) != KEY.of(raw)


@given(st.lists(ids))
def test_many_are_named_in_their_order(raw: list[str]) -> None:
    assert KEY.of_many(raw) == [KEY.of(one) for one in raw]


def test_nobody_has_no_pseudonym() -> None:
    with pytest.raises(Invalid, match="empty"):
        KEY.of("")


def test_the_secret_is_never_shown() -> None:
    for text in (repr(KEY), str(KEY), f"{KEY}", pretty_repr(KEY), repr([KEY])):
        assert "ssss" not in text
        assert "k1" in text
