"""The tables of ``docs/reference/api.md``, made from the OpenAPI of both ports."""

import json
from collections.abc import Iterator
from typing import Any

from recsys.operations.admin import ROUTES as OPERATIONS
from recsys.serving.admin import ROUTES
from recsys.serving.admin.described import describe_operators
from recsys.serving.product_api import WARNINGS, describe_product

__all__ = ["api", "operators_api", "product_api", "taken"]

_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "≥ {} characters",
    "maxLength": "≤ {} characters",
    "minItems": "≥ {} entries",
    "maxItems": "≤ {} entries",
    "pattern": "like `{}`",
    "format": "{}",
}


def product_api() -> dict[str, Any]:
    """Return the OpenAPI of the product's port."""
    return describe_product()


def operators_api() -> dict[str, Any]:
    """Return the OpenAPI of the operators' port, as its process has it."""
    return describe_operators([*ROUTES, *OPERATIONS])


def api() -> str:
    """Write every route, bound, warning and problem."""
    product, operators = product_api(), operators_api()
    return "".join(
        [
            "## Every route\n\nOn port 8000:\n\n",
            *_routes(product),
            "\nOn port 8001:\n\n",
            *_routes(operators),
            "\n## Every bound\n\nOf what comes in on port 8000:\n\n",
            *_bounds(product),
            "\nAnd on port 8001:\n\n",
            *_bounds(operators),
            "\n## Every warning\n\n| code | meaning |\n|---|---|\n",
            *(f"| `{code}` | {text} |\n" for code, text in WARNINGS.items()),
            "\n## Every problem\n\n| status | title | codes |\n|---|---|---|\n",
            *_problems(product, operators),
        ]
    )


def _routes(document: dict[str, Any]) -> Iterator[str]:
    yield "| route | what it does | statuses |\n|---|---|---|\n"
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield f"| `{method.upper()} {path}` | {_cell(said['summary'])} | {' '.join(said['responses'])} |\n"


def _bounds(document: dict[str, Any]) -> Iterator[str]:
    yield "| of | field | bound |\n|---|---|---|\n"
    schemas = document["components"]["schemas"]
    for name in taken(document):
        for field, schema in schemas[name].get("properties", {}).items():
            said = _said(schema)
            if said:
                yield f"| `{name}` | `{field}` | {said} |\n"
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            for parameter in one.get("parameters", ()):
                said = _said(parameter["schema"])
                if said and parameter["in"] == "query":
                    yield f"| `{method.upper()} {path}` | `?{parameter['name']}=` | {said} |\n"


def taken(document: dict[str, Any]) -> list[str]:
    """Name the schemas that a body may hold, outermost first."""
    schemas = document["components"]["schemas"]
    found: list[str] = []
    waiting = [
        one["requestBody"] for methods in document["paths"].values() for one in methods.values() if "requestBody" in one
    ]
    while waiting:
        for reference in _references(waiting.pop(0)):
            if reference not in found:
                found.append(reference)
                waiting.append(schemas[reference])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _said(schema: dict[str, Any]) -> str:
    said = [text.format(_number(schema[word])) for word, text in _BOUNDS.items() if word in schema]
    if "enum" in schema:
        said.append(", ".join(f"`{one}`" for one in schema["enum"]))
    said += [_said(one) for one in schema.get("anyOf", ()) if _said(one)]
    for word, each in (("items", "each "), ("propertyNames", "names: "), ("additionalProperties", "each ")):
        inner = schema.get(word)
        if isinstance(inner, dict) and _said(inner):
            said.append(each + _said(inner))
    return "; ".join(said)


def _number(value: Any) -> str:
    if isinstance(value, str):
        return _cell(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}" if value < 1e6 else f"{int(value):,}"


def _problems(*documents: dict[str, Any]) -> Iterator[str]:
    codes: dict[str, set[str]] = {}
    titles: dict[str, str] = {}
    for document in documents:
        for methods in document["paths"].values():
            for one in methods.values():
                for status, answer in one["responses"].items():
                    found = json.dumps(answer)
                    if "application/problem+json" in found:
                        own = answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]
                        codes.setdefault(status, set()).update(own["code"]["enum"])
                        titles[status] = answer["description"].split(":")[0]
    for status in sorted(codes):
        yield f"| {status} | {titles[status]} | {' '.join(f'`{code}`' for code in sorted(codes[status]))} |\n"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")
