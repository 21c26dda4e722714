"""The OpenAPI of both ports says what the code does."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.docs.api_page import operators_api, product_api, taken

from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.serving import answering
from recsys.serving.batching import read_batch
from recsys.serving.desk import ROUTES
from recsys.serving.docs_page import docs_page
from recsys.serving.problems import Refusal
from recsys.serving.product_api import WARNINGS, Answer
from recsys.serving.requests import read_events_body, read_recommend, read_similar

SOURCE = Path(answering.__file__).parents[1]
EVENT = {"ts": "2026-11-22T12:00:00Z", "item_id": "i", "event_type": "click", "event_id": "e"}
READERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "RecommendRequest": (read_recommend, {"surface": "home"}),
    "SimilarRequest": (read_similar, {"surface": "home", "item_id": "i"}),
    "BatchRequest": (read_batch, {"requests": [{"surface": "home"}]}),
    "Outcome": (read_events_body, {**EVENT, "request_id": "r"}),
    "Interaction": (read_events_body, EVENT),
}


def field_bounds(schemas: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield (path, the last value that is taken, one past it) for each bound below a schema."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for one in schema.get("anyOf", ()):
        yield from field_bounds(schemas, one, path)
    for name, field in schema.get("properties", {}).items():
        yield from field_bounds(schemas, field, (*path, name))
    step = 1 if schema.get("type") == "integer" else abs(schema.get("maximum", 1)) or 1
    for word, past in (("minimum", -step), ("maximum", step)):
        if word in schema:
            yield path, schema[word], schema[word] + past
    if "maxLength" in schema:
        yield path, "x" * schema["maxLength"], "x" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield path, "x", ""
    if schema.get("type") == "array" and "maxItems" in schema:
        one = {"item_id": "i"} if "$ref" in schema["items"] else "i"
        if schema["items"].get("$ref", "").endswith("ListRequest"):
            one = {"surface": "home"}
        yield path, [one] * schema["maxItems"], [one] * (schema["maxItems"] + 1)
        if "minItems" in schema:
            yield path, [one] * schema["minItems"], []
    if schema.get("additionalProperties") and "propertyNames" in schema:
        for name in schema["propertyNames"]["enum"]:
            yield path, {name: 1.0}, {name + "x": 1.0}
    if "enum" in schema:
        for one in schema["enum"]:
            yield path, one, f"{one}x"
    if "pattern" in schema and "minLength" not in schema:
        yield path, "a" * 64, "a" * 65


def put_at(body: dict[str, Any], path: tuple[str, ...], value: Any) -> bytes:
    changed = copy.deepcopy(body)
    at = changed
    for name in path[:-1]:
        at = at.setdefault(name, {"id": "e"} if name == "experiment" else {})  # which has one field it needs
    at[path[-1]] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize("name", READERS)
def test_the_reader_takes_what_the_schema_bounds_and_not_one_more(name: str) -> None:
    schemas = product_api()["components"]["schemas"]
    read, body = READERS[name]
    found = list(field_bounds(schemas, schemas[name], ()))
    assert len(found) >= (2 if name == "BatchRequest" else 8)
    for path, last, past in found:
        if path == ("event_type",) and "enum" in schemas["Outcome"]["properties"]["event_type"] and name == "Outcome":
            continue  # another type makes it an interaction, and is taken as one
        read(put_at(body, path, last))
        with pytest.raises(Refusal) as refused:
            read(put_at(body, path, past))
        assert refused.value.status == 422, path


@pytest.mark.parametrize("document", [product_api, operators_api])
def test_every_shape_that_comes_in_refuses_what_it_does_not_know(document: Any) -> None:
    found = document()
    for name in taken(found):
        schema = found["components"]["schemas"][name]
        if "properties" in schema:
            assert schema["additionalProperties"] is False, name


@pytest.mark.parametrize("document", [product_api, operators_api])
def test_every_reference_leads_somewhere_and_every_route_tells_its_problems(document: Any) -> None:
    found = document()
    text = json.dumps(found)
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in found["components"]["schemas"]
    for path, methods in found["paths"].items():
        for one in methods.values():
            assert "405" in one["responses"], path
            assert bool(one["security"]) == path.startswith("/v1/"), path


def test_the_products_port_describes_exactly_its_routes() -> None:
    paths = product_api()["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == ROUTES


def test_an_answer_has_the_fields_that_are_described() -> None:
    assert Answer.__struct_fields__ == answering.Response.__struct_fields__
    for kind in (RecommendRequest, SimilarRequest):
        assert set(product_api()["components"]["schemas"][kind.__name__]["properties"]) == set(kind.__struct_fields__)


def test_every_code_an_answer_warns_with_is_described_and_no_other() -> None:
    rooms = ("ranking", "snapshot", "serving")
    sources = [path.read_text() for room in rooms for path in (SOURCE / room).glob("*.py")]
    said = {code for text in sources for code in re.findall(r'(?:Notice|Warning|warn)\(\s*"([A-Z_]+)"', text)}
    assert said == set(WARNINGS)


def test_every_refusal_of_the_source_is_described() -> None:
    sources = [path.read_text() for path in (SOURCE / "serving").rglob("*.py")]
    said = {code for text in sources for code in re.findall(r'(?:Refusal\(\d+, |_busy\(\s*)"([A-Z_]+)"', text)}
    described = json.dumps([product_api(), operators_api()])
    assert {"NOT_DURABLE", "BAD_JSON"} <= said
    assert {code for code in said if f'"{code}"' not in described} <= {"NO_ROUTE"}  # of a route that is not there


def test_the_docs_page_needs_nothing_from_elsewhere() -> None:
    page = docs_page().decode()
    assert "openapi.json" in page
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//|@import|url\(", page)
