"""Everything about serving that can be set, each with its environment variable, default and unit.

The fields of :class:`Settings` are the one place: ``recsys serve --help`` and ``docs/reference/settings.md``
are made from, or tested against, :func:`settings_table`.
"""

import difflib
import os
import re
import socket
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from recsys.access.token_rules import TokenRules
from recsys.encoding import Invalid, did_you_mean
from recsys.serving.guarding import Cors

__all__ = ["Setting", "Settings", "read_settings", "settings_table"]

_PREFIX = "RECSYS_SERVE_"
_TRUSTING = ("development", "test")
"""Where headers may stand for keys. Every other name, a misspelt one too, is taken for a place with real users."""
_NEAR = 0.85
"""How alike an unknown ``RECSYS_…`` variable must be to one of ours to be taken for a slip of the pen."""


def _about(unit: str, text: str, **limits: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, extra={"unit": unit}, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one host serves. Frozen: a change is a restart."""

    store: Annotated[str, _about("path or URL", "where releases come from and events go")] = "./var/store"
    log: Annotated[
        str, _about("URL", "where the releases' log is; empty: in the store; or `postgresql://…` for a store made so")
    ] = ""
    host_dir: Annotated[str, _about("path", "this host's own state: copies, snapshots, floors, spool, counters")] = (
        "./var/host"
    )
    env: Annotated[
        str, _about("name", "what this installation is; only `development` and `test` take development headers")
    ] = "development"
    signing_key: Annotated[
        str, _about("path", "private key that signs what is changed on the operators' port; empty: nothing is signed")
    ] = ""
    host: Annotated[str, _about("address", "where the product's port listens")] = "127.0.0.1"
    port: Annotated[int, _about("port", "the product's port; 0 takes a free one", ge=0, le=65535)] = 8000
    admin_host: Annotated[str, _about("address", "where the operators' port listens; keep it inside")] = "127.0.0.1"
    admin_port: Annotated[int, _about("port", "the operators' port; 0 takes a free one", ge=0, le=65535)] = 8001
    workers: Annotated[
        int, _about("processes", "how many processes answer; one per core is a good start", ge=1, le=256)
    ] = 1
    host_name: Annotated[str, _about("name", "this host in event files and heartbeats; empty: the machine's name")] = ""
    dev_headers: Annotated[
        bool, _about("true or false", "believe X-Org-Id and X-Dev-User-Id without a key; development only")
    ] = False
    max_body_bytes: Annotated[int, _about("bytes", "largest request body", ge=1024)] = 1 << 20
    max_in_flight: Annotated[
        int, _about("requests", "most requests one worker has open; more are answered 503", ge=1)
    ] = 256
    tenant_rate_per_s: Annotated[
        float,
        _about(
            "requests/s",
            "most requests of one tenant this host takes, else 429; each worker takes its share, so a tenant with a "
            "single connection gets one worker's; 0: no limit",
            ge=0,
        ),
    ] = 0.0
    tenant_burst: Annotated[
        float,
        _about("requests", "how many may come at once on this host, shared out as the rate; 0: one second's", ge=0),
    ] = 0.0
    cors_origins: Annotated[
        str,
        _about("origins", "pages that may ask the product's port, with commas: `https://shop.example`; empty: none"),
    ] = ""
    admin_away_s: Annotated[
        float,
        _about("seconds", "how long the operators' port lets people in with the store away", gt=0, le=3600),
    ] = 3600.0
    jwt_issuer: Annotated[
        str, _about("text", "whose tokens (JWT) are taken beside keys: their `iss`; empty: no tokens")
    ] = ""
    jwt_audience: Annotated[str, _about("text", "what their `aud` must name: this service")] = ""
    jwt_jwks: Annotated[str, _about("URL or path", "the issuer's public keys (JWKS): an https URL, or a file")] = ""
    jwt_jwks_hosts: Annotated[
        str, _about("hosts", "hosts the URL may name, with commas; empty: only the issuer's own")
    ] = ""
    jwt_algorithms: Annotated[str, _about("names", "algorithms that are taken, with commas; never `none` or HS…")] = (
        "RS256,ES256,EdDSA"
    )
    jwt_skew_s: Annotated[float, _about("seconds", "how far the issuer's clock may be from ours", ge=0, le=300)] = 30.0
    jwt_tenant_claim: Annotated[str, _about("name", "the claim that names the tenant")] = "tenant"
    jwt_role_claim: Annotated[
        str, _about("name", "the claim that names the role; a list may hold names of others besides")
    ] = "role"
    jwt_refresh_s: Annotated[float, _about("seconds", "how often the issuer's keys are fetched", ge=1)] = 300.0
    retry_after_s: Annotated[int, _about("seconds", "what Retry-After says when we are overloaded", ge=1)] = 1
    record_wait_s: Annotated[
        float, _about("seconds", "longest an answer waits for its exposure to be written", gt=0)
    ] = 0.02
    durable_wait_s: Annotated[
        float, _about("seconds", "longest POST /v1/events waits for its events to be on the disk", gt=0)
    ] = 2.0
    spool_rotate_bytes: Annotated[int, _about("bytes", "an event file larger than this is shipped", ge=1024)] = 32 << 20
    spool_rotate_s: Annotated[float, _about("seconds", "an event file older than this is shipped", gt=0)] = 60.0
    spool_keep_s: Annotated[float, _about("seconds", "how long a shipped event file stays on this host", ge=0)] = 3600.0
    ship_s: Annotated[float, _about("seconds", "how often finished event files are shipped", gt=0)] = 5.0
    poll_s: Annotated[float, _about("seconds", "how often the heads of the log are read", gt=0)] = 0.1
    head_requests_per_s: Annotated[
        float, _about("requests/s", "most looks at heads where each costs something: a bucket, a database", gt=0)
    ] = 50.0
    access_poll_s: Annotated[float, _about("seconds", "how often tenants and keys are read", gt=0)] = 1.0
    confirm_s: Annotated[
        float, _about("seconds", "a head not confirmed for this long makes answers `last_good`", gt=0)
    ] = 10.0
    swap_check_s: Annotated[float, _about("seconds", "how often workers look for a new snapshot", gt=0)] = 0.05
    retry_rejected_s: Annotated[
        float, _about("seconds", "how often a release that failed its checks is tried again", gt=0)
    ] = 30.0
    heartbeat_s: Annotated[float, _about("seconds", "how often replicas/<host>.json is written to the store", gt=0)] = (
        5.0
    )
    keep_generations: Annotated[
        int, _about("releases", "verified releases kept on this host, the served one included", ge=1)
    ] = 3
    ready_bytes: Annotated[
        int,
        _about("bytes", "older artifacts that this host gets ready for a rollback, newest first; 0: none", ge=0),
    ] = 1 << 30
    drain_s: Annotated[float, _about("seconds", "how long open requests may finish after SIGTERM", ge=0)] = 10.0
    hung_s: Annotated[float, _about("seconds", "a worker whose loop stood still for this long is replaced", gt=0)] = (
        15.0
    )
    log_format: Annotated[
        Literal["text", "json"], _about("`text` or `json`", "lines of the log for people, or one JSON document each")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _about("`debug`, `info`, `warning` or `error`", "the least of our own lines; libraries' from `warning`"),
    ] = "info"
    log_requests: Annotated[
        Literal["off", "errors", "all"],
        _about("`off`, `errors` or `all`", "a line for each request, or for those answered 429 and from 500"),
    ] = "off"
    tracing: Annotated[
        bool, _about("true or false", "send OpenTelemetry traces; where to, the `OTEL_…` variables say")
    ] = False

    @property
    def host_path(self) -> Path:
        """Return the host's state directory."""
        return Path(self.host_dir).expanduser().absolute()

    @property
    def token_rules(self) -> TokenRules | None:
        """Return which tokens are taken; ``None``: none. Raises ``Invalid`` for rules that cannot be kept to."""
        if not (self.jwt_issuer or self.jwt_audience or self.jwt_jwks):
            return None
        return TokenRules(
            issuer=self.jwt_issuer,
            audience=self.jwt_audience,
            source=self.jwt_jwks,
            hosts=tuple(host.lower() for host in _listed(self.jwt_jwks_hosts)),
            algorithms=_listed(self.jwt_algorithms),
            skew_s=self.jwt_skew_s,
            tenant_claim=self.jwt_tenant_claim,
            role_claim=self.jwt_role_claim,
        ).check()

    def check_access(self) -> None:
        """Raise ``Invalid`` for what would let the wrong ones in: better at the start than with the first of them."""
        _ = self.token_rules
        Cors.of(self.origins)

    @property
    def origins(self) -> tuple[str, ...]:
        """Return the origins whose pages may ask."""
        return _listed(self.cors_origins)

    @property
    def machine(self) -> str:
        """Return the name of this host, made fit for paths."""
        plain = re.sub(r"[^a-z0-9]+", "-", (self.host_name or socket.gethostname()).lower()).strip("-")
        return plain[:64] or "host"


class Setting(msgspec.Struct, frozen=True):
    """One line of the table: field, environment variable, default, unit, and what it does."""

    field: str
    variable: str
    default: str
    unit: str
    text: str


_SHARED: dict[str, str] = {
    "store": "RECSYS_STORE",
    "log": "RECSYS_LOG",
    "host_dir": "RECSYS_HOST_DIR",
    "env": "RECSYS_ENV",
    "signing_key": "RECSYS_SIGNING_KEY",
}
"""Settings that other commands read too keep their plain names."""


def settings_table() -> tuple[Setting, ...]:
    """List every setting in the order of the fields."""
    hints = typing.get_type_hints(Settings, include_extras=True)
    lines = []
    for field in msgspec.structs.fields(Settings):
        meta = typing.get_args(hints[field.name])[1]
        lines.append(
            Setting(
                field=field.name,
                variable=_SHARED.get(field.name, _PREFIX + field.name.upper()),
                default=_shown(field.default),
                unit=meta.extra["unit"],
                text=meta.description,
            )
        )
    return tuple(lines)


def read_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read settings from the environment; what is ``given`` (from the command line, say) wins unless
    ``None``.

    Raises
    ------
    Invalid
        For a value that is not of its unit, a variable that is nearly one of ours, and a combination that is
        refused.
    """
    environ = os.environ if environ is None else environ
    variables = {line.variable: line.field for line in settings_table()}
    for name in environ:
        if (
            name not in variables
            and (name.startswith(_PREFIX) or _slip(name, variables))
            and not _linked(name, environ)
        ):
            raise Invalid("environment", f"{name} is not a setting", suggestion=did_you_mean(name, variables))
    values: dict[str, Any] = {}
    for variable, field in variables.items():
        if environ.get(variable):
            values[field] = _convert(environ[variable], field, variable)
    for field, value in given.items():
        if field not in Settings.__struct_fields__:
            raise Invalid("settings", f"unknown setting `{field}`", suggestion=did_you_mean(field, variables.values()))
        if value is not None:
            values[field] = _convert(value, field, field)
    settings = Settings(**values)
    settings = msgspec.structs.replace(settings, env=settings.env.strip().casefold())
    if settings.dev_headers and settings.env not in _TRUSTING:
        raise Invalid(
            "settings",
            f"development headers are refused in {settings.env or 'an unnamed env'}: anyone could name any tenant",
            suggestion="unset RECSYS_SERVE_DEV_HEADERS, and make keys with: recsys keys create",
        )
    settings.check_access()
    return settings


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one for part in text.split(",") if (one := part.strip()))


def _convert(value: Any, field: str, name: str) -> Any:
    hint = typing.get_type_hints(Settings, include_extras=True)[field]
    try:
        return msgspec.convert(os.fspath(value) if isinstance(value, Path) else value, hint, strict=False)
    except msgspec.ValidationError as error:
        near = did_you_mean(str(value).lower(), _choices(hint))
        raise Invalid(name, f"{value!r}: {error}", suggestion=near) from None


def _choices(hint: Any) -> tuple[str, ...]:
    """Return the words of a setting that takes one of a few."""
    kind = typing.get_args(hint)[0]
    return typing.get_args(kind) if typing.get_origin(kind) is Literal else ()


def _linked(name: str, environ: Mapping[str, str]) -> bool:
    """Whether Kubernetes set it, as it does for a Service that is called ``recsys``."""
    return "KUBERNETES_SERVICE_HOST" in environ and name.startswith(("RECSYS_SERVICE_", "RECSYS_PORT"))


def _slip(name: str, variables: Mapping[str, str]) -> bool:
    return name.startswith("RECSYS_") and bool(difflib.get_close_matches(name, variables, n=1, cutoff=_NEAR))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
