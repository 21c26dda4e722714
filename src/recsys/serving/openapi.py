"""The OpenAPI 3.1 of a port, made from the types that its code decodes and encodes. One way: types → document."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from recsys import __version__
from recsys.serving.problems import TITLES, Problem

__all__ = ["Named", "Operation", "Parameter", "Schema", "describe"]

_REF = "#/components/schemas/{name}"
Schema = dict[str, Any]


class Named(msgspec.Struct, frozen=True):
    """A schema that ``mend`` adds: for what no single type can say."""

    name: str


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One value that comes in a path, a query or a header."""

    name: str
    where: Literal["path", "query", "header"]
    schema: Schema
    required: bool = False
    text: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One route.

    ``takes`` and ``gives`` are types, or ``None`` for no body; ``problems`` maps a status to the codes it comes with;
    ``also`` maps another status to the type of its answer where that is no problem.
    """

    method: str
    path: str
    name: str
    text: str
    parameters: tuple[Parameter, ...] = ()
    takes: Any = None
    gives: Any = None
    status: int = 200
    media: str = "application/json"
    headers: Mapping[str, str] = {}
    problems: Mapping[int, Sequence[str]] = {}
    also: Mapping[int, Any] = {}
    secured: bool = True


def describe(
    title: str,
    text: str,
    operations: Iterable[Operation],
    *,
    security: Mapping[str, Schema],
    kinds: Sequence[Any] = (),
    mend: Callable[[dict[str, Schema]], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    security
        The schemes, each of which suffices by itself.
    kinds
        Types to describe that no route names.
    mend
        Is given the schemas by name, to add what types cannot say.
    """
    operations = tuple(operations)
    named = (kind for one in operations for kind in _types(one))
    types = [kind for kind in dict.fromkeys([*named, *kinds, Problem]) if not isinstance(kind, Named)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(types, schemas, strict=True))
    mend(components)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_type, security)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": text},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": dict(security)},
    }


def _types(one: Operation) -> Iterable[Any]:
    return (kind for kind in (one.takes, one.gives, *one.also.values()) if kind is not None)


def _operation(one: Operation, schemas: Mapping[Any, Schema], security: Mapping[str, Schema]) -> Schema:
    summary, _, rest = one.text.partition("\n\n")
    found: Schema = {"operationId": one.name, "summary": " ".join(summary.split())}
    if rest:
        found["description"] = " ".join(rest.split())
    if one.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in one.parameters]
    if one.takes is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(one.takes, schemas)}},
        }
    found["responses"] = _responses(one, schemas)
    found["security"] = [{name: []} for name in security] if one.secured else []
    return found


def _schema(kind: Any, schemas: Mapping[Any, Schema]) -> Schema:
    return {"$ref": _REF.format(name=kind.name)} if isinstance(kind, Named) else schemas[kind]


def _parameter(one: Parameter) -> Schema:
    found: Schema = {"name": one.name, "in": one.where, "required": one.required, "schema": one.schema}
    return found | ({"description": one.text} if one.text else {})


def _responses(one: Operation, schemas: Mapping[Any, Schema]) -> Schema:
    done: Schema = {"description": "done"}
    if one.gives is not None:
        done["content"] = {one.media: {"schema": schemas[one.gives]}}
    if one.headers:
        done["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in one.headers.items()
        }
    found: Schema = {str(one.status): done}
    for status, kind in one.also.items():
        found[str(status)] = {"description": TITLES[status], "content": {"application/json": {"schema": schemas[kind]}}}
    for status, codes in one.problems.items():
        if status not in one.also:
            found[str(status)] = _problem(status, codes)
    return dict(sorted(found.items()))


def _problem(status: int, codes: Sequence[str]) -> Schema:
    own = {"properties": {"status": {"const": status}, "code": {"enum": sorted(codes)}}}
    found: Schema = {
        "description": f"{TITLES[status]}: {', '.join(f'`{code}`' for code in sorted(codes))}",
        "content": {"application/problem+json": {"schema": {"allOf": [{"$ref": _REF.format(name="Problem")}, own]}}},
    }
    header = _HEADERS.get(status)
    if header is not None:
        name, text, schema = header
        found["headers"] = {name: {"description": text, "schema": schema}}
    return found


_HEADERS: Mapping[int, tuple[str, str, Schema]] = {
    405: ("Allow", "the methods that are taken", {"type": "string"}),
    503: ("Retry-After", "seconds to wait", {"type": "integer", "minimum": 1}),
}
