import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.unit.access.issuer import NOW, Issuer

from recsys.access.errors import KeySetRefused, TokenNamesNobody, TokenRefused, UnknownTokenKey
from recsys.access.token_rules import ALGORITHMS, TokenRules
from recsys.access.tokens import MAX_TOKEN, KeySet, verify_token
from recsys.encoding import Invalid

ISSUER = Issuer()
KEYS = KeySet.read(ISSUER.jwks())
RULES = TokenRules(
    issuer=ISSUER.name,
    audience="recsys",
    source="https://issuer.example/jwks.json",
    hosts=(),
    algorithms=("RS256", "ES256", "EdDSA"),
    skew_s=30.0,
    tenant_claim="tenant",
    role_claim="role",
)


def verify(token, *, keys=KEYS, rules=RULES, now=NOW):
    return verify_token(token, keys, rules, now=now)


def segment(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_genuine_token_says_who_asks_until_it_expires(algorithm):
    verified = verify(ISSUER.token(algorithm=algorithm, now=NOW))
    assert (verified.principal.tenant, verified.principal.role) == ("demo", "operator")
    assert verified.principal.key_id == "jwt:ann"
    assert verified.expires_at == NOW + 630


def test_a_public_key_is_no_secret_to_sign_with():
    public = ISSUER.keys["RS256"].public_key()
    for secret in (
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        ISSUER.jwks(),
    ):
        head = segment({"alg": "HS256", "kid": ISSUER.kid("RS256")}) + b"." + segment(ISSUER.claims(now=NOW))
        signature = segment(hmac.new(secret, head, hashlib.sha256).digest())
        with pytest.raises(TokenRefused, match="algorithm is not allowed"):
            verify((head + b"." + signature).decode())


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, ["RS256"], {"alg": "RS256"}, 1])
def test_nobodys_word_is_not_taken(name):
    head, claims = segment({"alg": name, "kid": ISSUER.kid("RS256")}), segment(ISSUER.claims(now=NOW))
    for signature in (b"", segment(b"x")):
        with pytest.raises(TokenRefused):
            verify(b".".join((head, claims, signature)).decode())


def test_a_key_is_good_for_its_own_kind_of_algorithm_only():
    es_named_as_rs = ISSUER.token(algorithm="ES256", now=NOW, headers={"kid": ISSUER.kid("RS256")})
    with pytest.raises(UnknownTokenKey):
        verify(es_named_as_rs)
    ps = jwt.encode(ISSUER.claims(now=NOW), ISSUER.keys["RS256"], "PS256", headers={"kid": ISSUER.kid("RS256")})
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        verify(ps)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "exp is missing"),
        ({"exp": str(NOW + 60)}, "malformed|exp is missing"),
        ({"exp": True}, "exp is missing"),
        ({"nbf": NOW + 31}, "not valid yet"),
        ({"iat": NOW + 31}, "not valid yet"),
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": ISSUER.name + "/"}, "another issuer"),
        ({"aud": "other"}, "another audience"),
        ({"aud": ["other", "recsys2"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": "recsys2"}, "another audience"),
    ],
)
def test_a_token_for_another_time_or_place_is_refused(changes, why):
    with pytest.raises(TokenRefused, match=why):
        verify(ISSUER.token(now=NOW, **changes))


def test_the_issuers_clock_may_be_a_little_off():
    assert verify(ISSUER.token(now=NOW, exp=NOW - 29))
    assert verify(ISSUER.token(now=NOW, nbf=NOW + 29, iat=NOW + 29))
    assert verify(ISSUER.token(now=NOW, aud=["other", "recsys"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"tenant": None},
        {"tenant": ["demo"]},
        {"tenant": ""},
        {"role": None},
        {"role": "root"},
        {"role": ["client", "admin"]},
        {"role": {"admin": True}},
    ],
)
def test_a_genuine_token_that_does_not_say_whose_it_is_is_told_apart(changes):
    with pytest.raises(TokenNamesNobody):
        verify(ISSUER.token(now=NOW, **changes))


def test_a_role_may_stand_among_names_of_others():
    assert verify(ISSUER.token(now=NOW, role=["mail-user", "viewer"])).principal.role == "viewer"


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "https://evil.example/jwks.json", "RS256-1\0", "' OR 1=1", "", "x" * 4000]
)
def test_a_kid_is_a_name_in_the_set_and_nothing_else(kid):
    with pytest.raises(TokenRefused):
        verify(ISSUER.token(now=NOW, headers={"kid": kid}))


def test_keys_that_a_token_brings_along_are_never_used():
    stranger = Issuer()
    brought = {
        "jwk": stranger.jwk("RS256"),
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert",
        "x5c": ["MIIB"],
    }
    with pytest.raises(TokenRefused, match="signature is wrong"):
        verify(stranger.token(now=NOW, headers=brought))
    with pytest.raises(TokenRefused):
        verify(ISSUER.token(now=NOW, headers={"crit": ["exp"]}))


def test_a_token_without_a_kid_needs_a_set_with_one_such_key():
    token = jwt.encode(ISSUER.claims(now=NOW), ISSUER.keys["ES256"], "ES256")
    assert verify(token)
    two = json.loads(ISSUER.jwks())["keys"] + [Issuer().jwk("ES256", kid="second")]
    with pytest.raises(UnknownTokenKey):
        verify(token, keys=KeySet.read(json.dumps({"keys": two}).encode()))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "x" * (MAX_TOKEN + 1), "[" * 8000, "\0"])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(TokenRefused):
        verify(token)


def test_a_token_that_is_changed_anywhere_is_refused():
    head, claims, signature = ISSUER.token(now=NOW).split(".")
    admin = segment(ISSUER.claims(now=NOW, role="admin")).decode()
    for changed in (f"{head}.{admin}.{signature}", f"{head}.{claims}.{signature[::-1]}", f"{head}.{claims}."):
        with pytest.raises(TokenRefused):
            verify(changed)


def test_a_refusal_repeats_nothing_of_the_token():
    token = ISSUER.token(now=NOW, iss="https://secret-place.example")
    with pytest.raises(TokenRefused) as caught:
        verify(token)
    assert "secret-place" not in str(caught.value)
    assert token[:20] not in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":[]}',
        b'{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}',
        b'{"keys":[{"kty":"RSA","kid":"a"}]}',
        b'{"keys":[1]}',
        b"[" * 100_000,
        b" " * (1 << 19),
        json.dumps({"keys": [ISSUER.jwk("RS256")] * 65}).encode(),
        ISSUER.jwks(use="enc"),
        ISSUER.jwks(key_ops=["encrypt"]),
        ISSUER.jwks(d="AQAB"),
        ISSUER.jwks(alg="HS256"),
        ISSUER.jwks(kid=["RS256-1"]),
    ],
)
def test_a_set_without_a_key_to_verify_with_is_refused_whole(document):
    with pytest.raises(KeySetRefused):
        KeySet.read(document)


def test_weak_keys_are_left_out():
    weak = Issuer()
    weak.keys = {"RS256": rsa.generate_private_key(public_exponent=65537, key_size=1024)}
    with pytest.raises(KeySetRefused):
        KeySet.read(weak.jwks())
    weak.keys = {"ES256": ec.generate_private_key(ec.SECP256K1())}
    with pytest.raises(KeySetRefused):
        KeySet.read(json.dumps({"keys": [weak.jwk("ES256", crv="secp256k1")]}).encode())


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RSA256", ""])
def test_rules_take_only_algorithms_with_a_public_key(algorithm):
    with pytest.raises(Invalid, match="not an algorithm with a public key"):
        replace(algorithms=(algorithm,)).check()
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]


@pytest.mark.parametrize(
    ("source", "hosts", "why"),
    [
        ("https://evil.example/jwks.json", (), "not allowed"),
        ("https://issuer.example.evil.example/jwks.json", (), "not allowed"),
        ("https://issuer.example@evil.example/jwks.json", (), "not allowed"),
        ("http://issuer.example/jwks.json", (), "https only"),
        ("ftp://issuer.example/jwks.json", (), "https only"),
        ("https://ann:pw@issuer.example/jwks.json", (), "password"),
        ("https://issuer.example/jwks.json", ("keys.example",), "not allowed"),
        ("", (), "not set"),
    ],
)
def test_keys_come_from_a_named_host_unseen(source, hosts, why):
    with pytest.raises(Invalid, match=why):
        replace(source=source, hosts=hosts).check()


@pytest.mark.parametrize(
    ("source", "hosts"),
    [
        ("https://issuer.example/jwks.json", ()),
        ("https://keys.example/jwks.json", ("keys.example",)),
        ("http://127.0.0.1:9/jwks.json", ("127.0.0.1",)),
        ("/etc/recsys/jwks.json", ()),
    ],
)
def test_keys_may_come_from_the_issuer_a_named_host_or_a_file(source, hosts):
    assert replace(source=source, hosts=hosts).check()


def replace(**changes):
    return TokenRules(**{name: getattr(RULES, name) for name in RULES.__struct_fields__} | changes)
