"""Who is asking, from the headers of a request."""

from collections.abc import Callable

from recsys.access import Directory, Principal, Right
from recsys.serving.problems import Refusal

__all__ = ["Headers", "identify"]

Headers = Callable[[str], str | None]
"""Looks a header up by its name in lower case."""


def identify(header: Headers, directory: Directory, *, right: Right, dev_headers: bool) -> Principal:
    """Return who asks, if they may.

    An API key names its tenant. ``X-Org-Id`` names one too: with a key they must agree, without a key it is
    believed only where development headers were asked for; the caller is then that tenant's admin.

    Raises
    ------
    Refusal
        401 without usable credentials, 403 with the wrong ones, 404 for a tenant that is not there.
    """
    secret, named = header("x-api-key"), header("x-org-id")
    if secret:
        principal = directory.authenticate(secret)
        if principal is None:
            raise Refusal(401, "BAD_KEY", "this API key is not known, or was revoked")
        if named and named != principal.tenant:
            raise Refusal(403, "TENANT_MISMATCH", "X-Org-Id names another tenant than the API key")
    elif named and dev_headers:
        if named not in directory.tenants:
            raise Refusal(404, "UNKNOWN_TENANT", f"there is no tenant {named[:64]!r}")
        user = (header("x-dev-user-id") or "somebody")[:64]
        principal = Principal(tenant=named, role="admin", key_id=f"dev:{user}")
    else:
        raise Refusal(
            401, "NO_CREDENTIALS", "no X-API-Key", next_step="make one with: recsys keys create --role client"
        )
    if not principal.may(right):
        raise Refusal(403, "FORBIDDEN", f"a key of role {principal.role} may not {right.value}")
    return principal
