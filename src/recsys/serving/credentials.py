"""Who is asking, from the headers of a request."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from recsys.access import MAY, Directory, Principal, Right
from recsys.access.errors import TokenNamesNobody, TokenRefused
from recsys.access.token_rules import TokenRules
from recsys.serving.host_state import Places
from recsys.serving.problems import Refusal

if TYPE_CHECKING:
    from recsys.serving.token_door import TokenDoor

__all__ = ["ONCE", "Everything", "Headers", "door_of", "identify", "only"]

Headers = Callable[[str], str | None]
"""Looks a header up by its name in lower case."""
Everything = Callable[[str], Sequence[str]]
"""Looks up all values of a header by its name in lower case."""

ONCE = frozenset(("x-api-key", "x-org-id", "x-dev-user-id", "authorization"))
"""Headers of credentials. Which one counts where there are two is a matter of taste, and a proxy in front of us may
have another than ours: such a request is refused.
"""


def _once(every: Everything, name: str) -> str | None:
    found = every(name)
    return only(name, found) if found else None


def only(name: str, found: Sequence[str]) -> str | None:
    """Return the one value of a header, or ``None``; raises :class:`~recsys.serving.problems.Refusal`."""
    if len(found) > 1:
        raise Refusal(400, "HEADER_TWICE", f"{name} is there {len(found)} times", next_step="send it once")
    return found[0] if found else None


def door_of(rules: TokenRules | None, places: Places) -> "TokenDoor | None":
    """Return the door for tokens where they are taken. Only there its library is loaded, which takes a while."""
    if rules is None:
        return None
    from recsys.serving.token_door import TokenDoor

    return TokenDoor(rules, places)


def identify(
    header: Headers,
    directory: Directory,
    *,
    right: Right,
    dev_headers: bool,
    tokens: "TokenDoor | None" = None,
    every: Everything | None = None,
) -> Principal:
    """Return who asks, if they may.

    An API key names its tenant, and so does a token (``Authorization: Bearer``) where tokens are taken. ``X-Org-Id``
    names one too. All that are there must be good and agree; with a key and a token, both must have the right, and the
    one that may less is who asks. ``X-Org-Id`` alone is believed only where development headers were asked for; the
    caller is then that tenant's admin.

    Parameters
    ----------
    every
        With it, a header of credentials that is there twice is refused with 400.

    Raises
    ------
    Refusal
        401 without usable credentials, 403 with the wrong ones, 404 for a tenant that is not there.
    """
    if every is not None:
        header = partial(_once, every)
    secret, named = header("x-api-key"), header("x-org-id")
    token = None if tokens is None else _bearer(header("authorization"))
    if secret:
        principal = directory.authenticate(secret)
        if principal is None:
            raise Refusal(401, "BAD_KEY", "this API key is not known, or was revoked")
        if token is not None:
            principal = _agreed(principal, _of_token(token, tokens, directory), right)
    elif token is not None:
        principal = _of_token(token, tokens, directory)
    elif named and dev_headers:
        if named not in directory.tenants:
            raise Refusal(404, "UNKNOWN_TENANT", f"there is no tenant {named[:64]!r}")
        user = (header("x-dev-user-id") or "somebody")[:64]
        principal = Principal(tenant=named, role="admin", key_id=f"dev:{user}")
    else:
        raise Refusal(
            401, "NO_CREDENTIALS", "no X-API-Key", next_step="make one with: recsys keys create --role client"
        )
    if named and named != principal.tenant:
        raise Refusal(403, "TENANT_MISMATCH", "X-Org-Id names another tenant than the credentials")
    if not principal.may(right):
        raise Refusal(403, "FORBIDDEN", f"a key of role {principal.role} may not {right.value}")
    return principal


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _of_token(token: str, tokens: "TokenDoor | None", directory: Directory) -> Principal:
    assert tokens is not None
    try:
        principal = tokens.principal(token)
    except TokenRefused as error:
        status = 403 if isinstance(error, TokenNamesNobody) else 401
        raise Refusal(status, error.code, error.message, next_step=error.next_step) from None
    if principal.tenant not in directory.tenants:
        raise Refusal(404, "UNKNOWN_TENANT", "the tenant that this token names is not there")
    return principal


def _agreed(of_key: Principal, of_token: Principal, right: Right) -> Principal:
    if of_key.tenant != of_token.tenant:
        raise Refusal(403, "TENANT_MISMATCH", "the API key and the token name different tenants")
    less, more = sorted((of_key, of_token), key=lambda one: len(MAY[one.role]))
    if not more.may(right):
        raise Refusal(403, "FORBIDDEN", f"credentials of role {more.role} may not {right.value}")
    return less
