"""Tokens (JWT) of an issuer that is trusted: which are believed, and who they say is asking.

Pure: keys and the time come in. Nothing that a token says chooses a key or an algorithm: a token may name a key of the
set that was fetched (``kid``), and each key is good for the algorithms of its own kind only. ``jku``, ``x5u`` and keys
inside tokens are never looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from recsys.access.directory import Principal
from recsys.access.errors import KeySetRefused, TokenNamesNobody, TokenRefused, UnknownTokenKey
from recsys.access.roles import ROLES, Role
from recsys.access.token_rules import TokenRules

__all__ = ["MAX_KEY_SET_BYTES", "MAX_TOKEN", "KeySet", "Verified", "verify_token"]

MAX_TOKEN = 8192
"""Characters of the longest token that is looked at: eight times a usual one, and what proxies let through."""
MAX_KEY_SET_BYTES = 1 << 18
_MAX_KEYS = 64
"""Keys of a set that are taken: reading one costs a worker about 50 µs, and issuers publish two or three."""
_MAX_SAID = 256
_MIN_RSA_BITS = 2048

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class Verified(NamedTuple):
    """A token that was believed, and until when: seconds since 1970, the skew included."""

    principal: Principal
    expires_at: float


class KeySet:
    """The public keys of an issuer, by their name and what they may verify."""

    def __init__(self, keys: Mapping[tuple[str | None, str], Any]) -> None:
        self._keys = dict(keys)

    @staticmethod
    def read(data: bytes) -> "KeySet":
        """Read a JWKS document. Keys of other uses and kinds, and weak ones, are left out.

        Raises
        ------
        KeySetRefused
            When it is no JWKS document, too large, or no key is left.
        """
        if len(data) > MAX_KEY_SET_BYTES:
            raise KeySetRefused(f"it is larger than {MAX_KEY_SET_BYTES} bytes")
        try:
            listed = msgspec.json.decode(data, type=_Jwks).keys
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise KeySetRefused(f"it is not a JWKS document: {error}") from None
        if len(listed) > _MAX_KEYS:
            raise KeySetRefused(f"it has {len(listed)} keys, at most {_MAX_KEYS} are taken")
        keys: dict[tuple[str | None, str], Any] = {}
        for jwk in listed:
            for algorithm, key in _usable(jwk):
                keys.setdefault((jwk.get("kid"), algorithm), key)
        if not keys:
            raise KeySetRefused("it has no public key that could verify a token")
        return KeySet(keys)

    def find(self, kid: str | None, algorithm: str) -> Any:
        """Return the key; raises :class:`UnknownTokenKey`. A token without ``kid`` needs a set with one such key."""
        if kid is None:
            able = [key for (_, able_to), key in self._keys.items() if able_to == algorithm]
            found = able[0] if len(able) == 1 else None
        else:
            found = self._keys.get((kid, algorithm))
        if found is None:
            raise UnknownTokenKey
        return found


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


def _usable(jwk: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return a key with each algorithm it is good for; nothing for what is no public key to verify with."""
    ops = jwk.get("key_ops")
    kid = jwk.get("kid")
    if jwk.get("use", "sig") != "sig" or not (ops is None or (isinstance(ops, list) and "verify" in ops)):
        return ()
    if "d" in jwk or not (kid is None or isinstance(kid, str)):  # a private key that is published is nobody's any more
        return ()
    try:
        able, key = _read_key(jwk)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return ()
    named = jwk.get("alg")
    return [(algorithm, key) for algorithm in able if named is None or named == algorithm]


def _read_key(jwk: Mapping[str, Any]) -> tuple[Iterable[str], Any]:
    given, kind, curve = dict(jwk), jwk.get("kty"), str(jwk.get("crv"))
    if kind == "RSA":
        rsa = RSAAlgorithm.from_jwk(given)
        strong = isinstance(rsa, RSAPublicKey) and rsa.key_size >= _MIN_RSA_BITS
        return (_RSA if strong else ()), rsa
    if kind == "EC" and curve in _CURVES:
        return (_CURVES[curve],), ECAlgorithm.from_jwk(given)
    if kind == "OKP" and curve == "Ed25519":
        edwards = OKPAlgorithm.from_jwk(given)
        return (("EdDSA",) if isinstance(edwards, Ed25519PublicKey) else ()), edwards
    return (), None


def verify_token(token: str, keys: KeySet, rules: TokenRules, *, now: float) -> Verified:
    """Return who a token says is asking.

    Parameters
    ----------
    now
        Seconds since 1970.

    Raises
    ------
    TokenRefused
        It is not believed: malformed, an algorithm or a signature that is not right, expired, not yet valid, of
        another issuer or for another audience. The message never repeats what the token says.
    UnknownTokenKey
        It names a key that the set does not have.
    TokenNamesNobody
        It is genuine, and does not say which tenant and role.
    """
    if len(token) > MAX_TOKEN:
        raise TokenRefused(f"it is longer than {MAX_TOKEN} characters")
    try:
        head = jwt.get_unverified_header(token)
        algorithm, kid = head.get("alg"), head.get("kid")
        if algorithm not in rules.algorithms:
            raise TokenRefused("its algorithm is not allowed here")
        if "crit" in head:
            raise TokenRefused("it asks for extensions that are not known here")
        key = keys.find(kid, algorithm)
        payload = _JWS.decode(token, key, algorithms=[algorithm])
        claims = msgspec.json.decode(payload, type=dict[str, Any])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefused("it is malformed, or its signature is wrong") from None
    _check_times(claims, rules, now)
    audience = claims.get("aud")
    if claims.get("iss") != rules.issuer:
        raise TokenRefused("it is of another issuer")
    if rules.audience not in (audience if isinstance(audience, list) else [audience]):
        raise TokenRefused("it is for another audience")
    return Verified(_principal(claims, rules), claims["exp"] + rules.skew_s)


_JWS = jwt.PyJWS()


def _check_times(claims: Mapping[str, Any], rules: TokenRules, now: float) -> None:
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0 if name != "exp" else None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenRefused(f"its {name} is missing or not a time")
    if claims["exp"] + rules.skew_s <= now:
        raise TokenRefused("it has expired")
    if max(claims.get("nbf", 0), claims.get("iat", 0)) > now + rules.skew_s:
        raise TokenRefused("it is not valid yet")


def _principal(claims: Mapping[str, Any], rules: TokenRules) -> Principal:
    subject, tenant = claims.get("sub"), claims.get(rules.tenant_claim)
    if not isinstance(subject, str) or not (0 < len(subject) <= _MAX_SAID and subject.isprintable()):
        raise TokenNamesNobody("its sub is missing or no name: changes could not say who made them")
    if not isinstance(tenant, str) or not 0 < len(tenant) <= _MAX_SAID:
        raise TokenNamesNobody(f"its claim {rules.tenant_claim} does not name a tenant")
    return Principal(tenant=tenant, role=_role(claims.get(rules.role_claim), rules), key_id=f"jwt:{subject}")


def _role(said: object, rules: TokenRules) -> Role:
    """Return the one role of ours among what the claim says: a name, or a list that may hold names of others."""
    named = said if isinstance(said, list) else [said]
    ours = [role for role in ROLES if role in named]
    if len(ours) != 1:
        raise TokenNamesNobody(f"its claim {rules.role_claim} must hold exactly one of {', '.join(ROLES)}")
    return ours[0]
