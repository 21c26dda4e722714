"""What tenants and keys can be refused for. Each carries its facts and how to go on."""

from recsys.errors import Failed, Refused

__all__ = [
    "HostsTooOld",
    "KeyMissing",
    "KeySetRefused",
    "MadeAgain",
    "NotRemovedYet",
    "TenantGone",
    "TokenNamesNobody",
    "TokenRefused",
    "UnknownTokenKey",
]


class TenantGone(Refused):
    """The tenant was deleted: nothing is published or served for it any more."""

    code = "TENANT_DELETED"

    def __init__(self, tenant: str, told: str, *, left: str = "") -> None:
        left = f"; {left} was written meanwhile" if left else ""
        super().__init__(
            f"tenant {tenant} was {told}{left}",
            next_step=f"remove what is left: recsys tenants delete {tenant}"
            if left
            else f"the same name may be used anew: recsys tenants create {tenant}",
        )
        self.tenant = tenant


class MadeAgain(Refused):
    """The tenant that was meant is gone, and another one has its name."""

    code = "TENANT_MADE_AGAIN"

    def __init__(self, tenant: str) -> None:
        super().__init__(
            f"tenant {tenant} was deleted and made again since this began; nothing was done to the new one",
            next_step="look at what is there now, and begin again if that is what you mean",
        )


class NotRemovedYet(Refused):
    """The name belongs to a deleted tenant of which something is left."""

    code = "NOT_REMOVED_YET"

    def __init__(self, tenant: str, told: str) -> None:
        super().__init__(
            f"tenant {tenant} was {told}, and something of it is still in the store",
            next_step=f"remove the rest first: recsys tenants delete {tenant}",
        )


class HostsTooOld(Refused):
    """A serving host that is alive could not read the record: it would stop following tenants and keys."""

    code = "NOT_UNDERSTOOD"

    def __init__(self, what: str, hosts: list[str]) -> None:
        named = ", ".join(hosts[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
        super().__init__(
            f"{what} needs access format 2, which {named} cannot read",
            next_step="upgrade recsys-suite there first, or stop those hosts; nothing was changed",
        )
        self.hosts = hosts


class KeyMissing(Failed):
    """A tenant's pseudonym key cannot be read, so no user id can be hashed; all else works."""

    code = "PSEUDONYM_KEY_MISSING"

    def __init__(self, tenant: str, key_id: str) -> None:
        super().__init__(
            f"the pseudonym key {key_id} of tenant {tenant} cannot be read: raw user ids cannot be hashed",
            next_step=f"put secrets/{tenant}/{key_id} back from a copy of the store",
        )


class TokenRefused(Refused):
    """A token (JWT) that is not believed. The message says why, and nothing of what the token says."""

    code = "BAD_TOKEN"

    def __init__(self, why: str) -> None:
        super().__init__(f"this token is refused: {why}", next_step="get a new one from its issuer")


class UnknownTokenKey(TokenRefused):
    """The token names a key that is not in the issuer's set as this host has it."""

    def __init__(self) -> None:
        super().__init__("it names a key that this host does not have of the issuer")


class TokenNamesNobody(TokenRefused):
    """A genuine token that does not say whose it is here."""

    code = "TOKEN_NAMES_NOBODY"


class KeySetRefused(Failed):
    """The issuer's keys (JWKS) cannot be used as they were fetched."""

    code = "BAD_KEY_SET"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the issuer's keys are not taken over: {why}", next_step="the keys fetched before go on working"
        )
