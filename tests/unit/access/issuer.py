"""An issuer of tokens, as anybody could run one."""

import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = 1_800_000_000.0


class Issuer:
    """Signs with one key of each kind; ``kid`` is the kind's name and the turn of the keys."""

    def __init__(self, name="https://issuer.example"):
        self.name = name
        self.turn = 0
        self.rotate()

    def rotate(self):
        self.turn += 1
        self.keys = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }

    def kid(self, algorithm):
        return f"{algorithm}-{self.turn}"

    def jwks(self, **changes):
        return json.dumps({"keys": [self.jwk(algorithm, **changes) for algorithm in self.keys]}).encode()

    def jwk(self, algorithm, **changes):
        kind = jwt.get_algorithm_by_name(algorithm)
        public = kind.to_jwk(self.keys[algorithm].public_key(), as_dict=True)
        return {**public, "kid": self.kid(algorithm), "use": "sig", **changes}

    def claims(self, *, now=None, **changes):
        now = time.time() if now is None else now
        claims = {
            "iss": self.name,
            "aud": "recsys",
            "sub": "ann",
            "tenant": "demo",
            "role": "operator",
            "iat": now,
            "exp": now + 600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, algorithm="RS256", key=None, headers=None, now=None, **changes):
        return jwt.encode(
            self.claims(now=now, **changes),
            key or self.keys[algorithm],
            algorithm=algorithm,
            headers={"kid": self.kid(algorithm), **(headers or {})},
        )
