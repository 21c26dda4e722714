"""Signatures (ed25519) on release records and checkpoints: whoever can write the store could else rewrite a whole log.

A signature stands in the field ``signature`` of the JSON it signs: the id of the key, and in base64 the signature over
a word for the purpose and the canonical JSON without that field and without the record's own check, which is made over
the signature too. So is the digest that the next record names. Readers that do not know the field ignore it.
"""

import base64
import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from recsys.encoding import canonical, with_check
from recsys.errors import Refused, UsageError
from recsys.store import Commit, Log, Store
from recsys.store.over import LogOver

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["PublicKeys", "Signature", "Signer", "make_key", "signing"]

_RECORD: Final = b"recsys release record 1\n"
_CHECKPOINT: Final = b"recsys checkpoint 1\n"
"""The purpose stands before what is signed, so that a signature on one kind of thing is none on another."""


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """``key``: the id of the public key; ``value``: 64 bytes in base64."""

    key: str
    value: str


class Signer:
    """Signs with one private key, which is never shown."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.key = _id_of(key.public_key())

    @classmethod
    def load(cls, path: Path) -> "Signer":
        """Read a private key (PEM, not encrypted).

        Raises
        ------
        UsageError
            When the file cannot be read or holds no ed25519 key.
        Refused
            When others than its owner could read it.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
                data = file.read()
        except OSError as error:
            raise UsageError(f"cannot read the signing key {path}: {error.strerror}", next_step=_MAKE_ONE) from None
        if mode & 0o077:
            raise Refused(
                f"the signing key {path} has mode {mode:04o}: others than its owner can reach it",
                next_step=f"chmod 600 {path}; if somebody may have read it, make a new one",
            )
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError):
            raise UsageError(f"{path} is not a private key that can be read", next_step=_MAKE_ONE) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError(f"{path} is not an ed25519 key", next_step=_MAKE_ONE)
        return cls(key)

    def signed_record(self, record: bytes) -> bytes:
        """Return a release record with a signature, and with a check over it; ``record`` as it is stored unsigned."""
        return with_check(self._signed(record, _RECORD))

    def signed_checkpoint(self, checkpoint: bytes) -> bytes:
        """Return a checkpoint with a signature; ``checkpoint`` is canonical JSON."""
        return self._signed(checkpoint, _CHECKPOINT)

    def __repr__(self) -> str:
        return f"Signer(key={self.key!r})"

    def _signed(self, data: bytes, purpose: bytes) -> bytes:
        document = _signable(msgspec.json.decode(data))
        value = base64.b64encode(self._key.sign(purpose + canonical(document))).decode()
        return canonical({**document, "signature": Signature(key=self.key, value=value)})


def signing(store: Store, signer: Signer) -> Store:
    """Return the store with a release log that signs all that is appended through it, whoever appends."""
    return dataclasses.replace(store, releases=_SigningLog(store.releases, signer))


class _SigningLog(LogOver):
    """Signs what is appended. The same bytes get the same signature, so appending again still resumes."""

    def __init__(self, inner: Log, signer: Signer) -> None:
        super().__init__(inner)
        self._signer = signer

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        return self.inner.append(stream, number, self._signer.signed_record(data), patience_s=patience_s)


class PublicKeys:
    """The keys whose signatures count, by id."""

    def __init__(self, keys: Mapping[str, "Ed25519PublicKey"]) -> None:
        self._keys = keys

    @classmethod
    def load(cls, paths: Iterable[Path]) -> "PublicKeys":
        """Read public keys (PEM). Raises :class:`~recsys.errors.UsageError`."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        keys = {}
        for path in paths:
            try:
                key = load_pem_public_key(path.read_bytes())
            except OSError as error:
                raise UsageError(f"cannot read the public key {path}: {error.strerror}") from None
            except ValueError:
                raise UsageError(
                    f"{path} is not a public key", next_step="give the .pub file that was made with the signing key"
                ) from None
            if not isinstance(key, Ed25519PublicKey):
                raise UsageError(f"{path} is not an ed25519 key")
            keys[_id_of(key)] = key
        return cls(keys)

    def problem_of_record(self, record: bytes) -> str | None:
        """Say what is wrong with a record's signature; empty when it is right, ``None`` when there is none."""
        return self._problem(record, _RECORD)

    def problem_of_checkpoint(self, checkpoint: bytes) -> str | None:
        """Say what is wrong with a checkpoint's signature; as for a record."""
        return self._problem(checkpoint, _CHECKPOINT)

    def _problem(self, data: bytes, purpose: bytes) -> str | None:
        from cryptography.exceptions import InvalidSignature

        try:
            whole: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
            found = whole.get("signature")
            if found is None:
                return None
            signature = msgspec.convert(found, Signature)
            value = base64.b64decode(signature.value, validate=True)
        except ValueError as error:  # of msgspec and of base64
            return f"its signature cannot be read: {error}"
        key = self._keys.get(signature.key)
        if key is None:
            return f"it is signed with key {signature.key}, which is not among those given"
        document = _signable(whole)
        try:
            key.verify(value, purpose + canonical(document))
        except InvalidSignature:
            return f"its signature by key {signature.key} does not fit it: it was changed after it was signed"
        form = canonical({**document, "signature": signature})
        if data != (with_check(form) if "check" in whole else form):
            return "it is not in the form in which it was signed"
        return ""


def make_key(out: Path) -> str:
    """Write a new private key to ``out`` (mode 0600) and its public key to ``out`` with ``.pub``; return its id.

    Raises :class:`~recsys.errors.Refused` rather than write over either.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    beside = out.with_name(out.name + ".pub")
    for path, data, mode in ((out, private, 0o600), (beside, public, 0o644)):
        if path.exists():
            raise Refused(f"{path} is there already", next_step="what it signed needs it; choose another name")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return _id_of(key.public_key())


def _signable(document: dict[str, Any]) -> dict[str, Any]:
    """Return what of an object is signed: all but the signature, and the check that is made over the signed bytes."""
    return {name: value for name, value in document.items() if name not in ("signature", "check")}


def _id_of(key: "Ed25519PublicKey") -> str:
    """Name a public key by the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


_MAKE_ONE = "make one: recsys releases signing-key --out FILE"
