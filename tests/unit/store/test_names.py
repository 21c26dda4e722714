"""Names and keys: what may stand in a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.encoding import Invalid
from recsys.store import check_name
from recsys.store.names import check_digest, check_key, is_key


@pytest.mark.parametrize("name", ["a", "0", "demo", "shop-1", "new_users", "a" * 64])
def test_a_plain_name_is_returned(name: str) -> None:
    assert check_name(name, what="tenant") == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "_a", "A", "ä", "a b", "a/b", "..", ".", "a.b", "a\n", "a\0", "a" * 65, "٣", "x" * 10_000],
)
def test_anything_else_is_refused_with_what_would_do(name: str) -> None:
    with pytest.raises(Invalid, match=r"^tenant: .*a letter or a digit$") as error:
        check_name(name, what="tenant")
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@given(st.text(max_size=30))
def test_a_key_never_leads_out_of_the_store(text: str) -> None:
    if is_key(text):
        parts = check_key(text).split("/")
        assert not {"", ".", ".."} & set(parts)
        assert "\0" not in text
        assert not text.startswith("tmp/")


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "a" * 64, "sha256:" + "A" * 64, "md5:" + "a" * 64, "sha256:" + "a" * 65]
)
def test_a_digest_is_sha256_in_lower_case(digest: str) -> None:
    with pytest.raises(Invalid):
        check_digest(digest)
    assert check_digest("sha256:" + "a" * 64)
