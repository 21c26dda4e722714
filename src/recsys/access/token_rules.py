"""What is asked of a token before it is believed. Apart from the verifying, which brings a library with it."""

import ipaddress
from urllib.parse import urlsplit

import msgspec

from recsys.encoding import Invalid, did_you_mean

__all__ = ["ALGORITHMS", "TokenRules", "is_url"]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those with a public key. With a shared secret (HS…) whoever verifies could also sign; ``none`` is nobody's word."""


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are believed, and where they say who asks. ``source`` of the keys: an https URL or a file."""

    issuer: str
    audience: str
    source: str
    hosts: tuple[str, ...]
    algorithms: tuple[str, ...]
    skew_s: float
    tenant_claim: str
    role_claim: str

    def check(self) -> "TokenRules":
        """Return itself; raises :class:`~recsys.encoding.Invalid` for rules that would let the wrong ones in."""
        for name, value in (("issuer", self.issuer), ("audience", self.audience), ("keys (JWKS)", self.source)):
            if not value:
                raise Invalid("tokens", f"the {name} is not set", suggestion="set issuer, audience and JWKS, or none")
        for algorithm in self.algorithms or ("",):
            if algorithm not in ALGORITHMS:
                raise Invalid(
                    "tokens",
                    f"{algorithm[:40]!r} is not an algorithm with a public key",
                    suggestion=did_you_mean(algorithm, ALGORITHMS) or f"allowed are {', '.join(ALGORITHMS)}",
                )
        if not (self.tenant_claim and self.role_claim):
            raise Invalid("tokens", "the names of the claims for tenant and role are empty")
        if is_url(self.source):
            self._check_url()
        return self

    def _check_url(self) -> None:
        """Keys come from a host that was named, and unseen by others on the way."""
        where = urlsplit(self.source)
        host = (where.hostname or "").lower()
        allowed = self.hosts or ((urlsplit(self.issuer).hostname or "").lower(),)
        if not host or host not in allowed:
            raise Invalid(
                "tokens",
                f"the keys' host {host[:80]!r} is not allowed",
                suggestion="name it in RECSYS_SERVE_JWT_JWKS_HOSTS; without it only the issuer's own host is",
            )
        if where.scheme != "https" and not _loopback(host):
            raise Invalid("tokens", "keys are fetched by https only", suggestion="write https://")
        if where.username is not None or where.password is not None:
            raise Invalid("tokens", "a password in the keys' URL would be shown in logs", suggestion="leave it out")


def is_url(source: str) -> bool:
    """Tell whether keys come by HTTP, not from a file."""
    return "://" in source


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
