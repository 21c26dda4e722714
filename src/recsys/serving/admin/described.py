"""What the OpenAPI says of the operators' port, read off its routes: signature, docstring and ``opt``."""

import inspect
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter

from recsys.documents.config import BOUNDS, MAX_FLOOR_ITEMS, MAX_FRESHNESS_H
from recsys.documents.rules import MAX_BOOST, MAX_ITEM_IDS, MAX_PINS
from recsys.serving.openapi import Operation, Parameter, Schema, describe
from recsys.serving.problems import codes_by_status

__all__ = ["SECURITY", "describe_operators"]

SECURITY: Mapping[str, Schema] = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "Made with `recsys keys create`; of role viewer to look, operator or admin to change.",
    },
    "Token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Of the issuer that RECSYS_SERVE_JWT_ISSUER names, where it names one.",
    },
    "DevelopmentHeaders": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Org-Id",
        "description": "Names the tenant without a key, where RECSYS_SERVE_DEV_HEADERS=true was asked for; with it, "
        "X-Dev-User-Id says who. Never in production.",
    },
}
_ALWAYS = {405: ("METHOD",), 500: ("FAILED",)}
_CREDENTIALS = {
    400: ("HEADER_TWICE",),
    401: ("BAD_KEY", "NO_CREDENTIALS"),
    403: ("ADMIN_EXPIRED", "FORBIDDEN", "TENANT_MISMATCH"),
    404: ("NO_ROUTE", "UNKNOWN_TENANT"),
}
_KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}
_ASKED = {503: ("BUSY_ANSWERING",)}
"""What waits for somebody else's question (``operations.turn``), and waited too long."""
_READS = (404, 409, 503)
_CHANGES = (404, 409, 423, 503, 504)


def describe_operators(routes: Iterable[HTTPRouteHandler]) -> dict[str, Any]:
    """Return the OpenAPI document of the operators' port."""
    return describe(
        "RecSys, for operators",
        "Health, metrics and the levers. Bind this port inside. Errors are problem details (RFC 9457) with `code` and "
        "`request_id`.",
        [_operation(route) for route in routes],
        security=SECURITY,
        mend=_mend,
    )


def _mend(schemas: dict[str, Schema]) -> None:
    """Say of the documents what is checked beyond types, and of a candidate's order which documents it brings."""
    order = schemas["CandidateOrder"]["properties"]
    order["config"] = {"$ref": "#/components/schemas/Config"}
    order["rules"] = {"type": "array", "items": {"$ref": "#/components/schemas/Rule"}}
    for group, key, low, high in BOUNDS:
        kind = "".join(word.capitalize() for word in group.split("_"))
        for name in (kind, f"{kind}At"):
            _bound(schemas[name]["properties"][key], minimum=low, maximum=high)
    for name in ("Config", "SurfaceConfig"):
        fields = schemas[name]["properties"]
        _bound(fields["freshness_slo_h"], exclusiveMinimum=0, maximum=MAX_FRESHNESS_H)
        _bound(fields["floor_items"], maxItems=MAX_FLOOR_ITEMS, uniqueItems=True)
    rule = schemas["Rule"]["properties"]
    _bound(rule["item_ids"], maxItems=MAX_ITEM_IDS)
    _bound(rule["boost_value"], minimum=-1, maximum=MAX_BOOST)
    _bound(rule["max_pins"], minimum=1, maximum=MAX_PINS)


def _bound(schema: Schema, **bounds: Any) -> None:
    """Add bounds to a field; where it may be ``null`` too, to the other of the two."""
    either = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    (either[0] if either else schema).update(bounds)


def _operation(route: HTTPRouteHandler) -> Operation:
    (path,) = route.paths
    (method,) = route.http_methods - {"HEAD", "OPTIONS"}
    hints = typing.get_type_hints(inspect.unwrap(route.fn), include_extras=True)
    signature = inspect.signature(route.fn)
    parameters = tuple(
        _parameter(name, hint, signature.parameters[name].default)
        for name, hint in hints.items()
        if name not in ("request", "body", "return")
    )
    opt = route.opt
    secured = not opt.get("open", False)
    return Operation(
        method=method,
        path=re.sub(r":[a-z]+}", "}", path),
        name=route.fn.__name__,
        text=inspect.getdoc(route.fn) or "",
        parameters=parameters,
        takes=opt.get("takes"),
        gives=opt.get("gives") or hints["return"],
        status=route.status_code,
        media=opt.get("media", "application/json"),
        headers=opt.get("headers") or {},
        problems=_problems(method, secured=secured, body=opt.get("takes") is not None),
        secured=secured,
    )


def _problems(method: str, *, secured: bool, body: bool) -> dict[int, tuple[str, ...]]:
    codes = codes_by_status()
    found: dict[int, tuple[str, ...]] = {**_ALWAYS, 500: codes[500], 422: codes[422]}
    if not secured:
        return found
    found |= _CREDENTIALS
    if method == "GET":
        found |= _ASKED
    for status in _READS if method == "GET" else _CHANGES:
        found[status] = (*found.get(status, ()), *codes.get(status, ()))
    if body:
        found |= {400: ("BAD_JSON",), 413: ("TOO_LARGE",)}
    return found


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    kind, about = typing.get_args(hint)
    assert isinstance(about, ParameterKwarg)
    required = default is inspect.Parameter.empty
    (schema,), _ = msgspec.json.schema_components([_without_none(kind)])
    limits = {word: getattr(about, name) for name, word in _KEYWORDS.items() if getattr(about, name) is not None}
    if not required and default is not None:
        schema = {**schema, "default": default}
    return Parameter(
        name=about.name or name,
        where="path"
        if isinstance(about, PathParameter)
        else "header"
        if isinstance(about, HeaderParameter)
        else "query",
        schema={**schema, **limits},
        required=required,
        text=about.description or "",
    )


def _without_none(kind: Any) -> Any:
    rest = tuple(one for one in typing.get_args(kind) if one is not type(None))
    return rest[0] if len(rest) == 1 and type(None) in typing.get_args(kind) else kind
