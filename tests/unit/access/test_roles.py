"""Roles: the one table of who may do what."""

import pytest

from recsys.access import MAY, ROLES, Right, check_role, may
from recsys.encoding import Invalid


def test_every_role_and_every_right_is_in_the_table() -> None:
    assert set(MAY) == set(ROLES)
    assert set().union(*MAY.values()) == set(Right)


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("client", {"recommend", "record"}),
        ("viewer", {"read"}),
        ("operator", {"recommend", "record", "read", "read-states", "override", "change"}),
        ("admin", {"recommend", "record", "read", "read-states", "override", "change", "manage"}),
    ],
)
def test_a_role_has_exactly_these_rights(role: str, rights: set[str]) -> None:
    assert {right.value for right in Right if may(check_role(role), right)} == rights


def test_a_role_that_is_none_suggests_the_nearest() -> None:
    with pytest.raises(Invalid, match="did you mean `operator`"):
        check_role("operater")


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        MAY["client"] = frozenset(Right)  # type: ignore[index]
