"""What a key may do, in one table."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from recsys.encoding import Invalid, did_you_mean

__all__ = ["MAY", "ROLES", "Right", "Role", "check_role", "may"]

Role = Literal["client", "viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


class Right(enum.Enum):
    """One kind of thing that can be asked of the suite."""

    RECOMMEND = "recommend"
    """Ask for recommendations and similar items."""
    RECORD = "record"
    """Send outcomes and interactions."""
    READ = "read"
    """See health, releases, documents, the audit without states before and after."""
    READ_STATES = "read-states"
    """See the states before and after in the audit."""
    OVERRIDE = "override"
    """Set ``context.now`` or an experiment's variant in a request."""
    CHANGE = "change"
    """Pull a lever: ship, config, rules, items, rollback, undo, hold, resume."""
    MANAGE = "manage"
    """Make tenants and keys, revoke keys."""


_CLIENT = frozenset({Right.RECOMMEND, Right.RECORD})
_VIEWER = frozenset({Right.READ})
_OPERATOR = _CLIENT | _VIEWER | {Right.READ_STATES, Right.OVERRIDE, Right.CHANGE}

MAY: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        "client": _CLIENT,
        "viewer": _VIEWER,
        "operator": _OPERATOR,
        "admin": _OPERATOR | {Right.MANAGE},
    }
)
"""Role → rights. A viewer does not ask for recommendations: every answer is recorded as shown to somebody."""


def may(role: Role, right: Right) -> bool:
    """Tell whether a role has a right."""
    return right in MAY[role]


def check_role(role: str) -> Role:
    """Return a role given by a person; raises :class:`~recsys.encoding.Invalid` with the nearest name."""
    for known in ROLES:
        if role == known:
            return known
    raise Invalid("role", f"{role[:40]!r} is not a role", suggestion=did_you_mean(role, ROLES))
