"""Asks a running service all that its OpenAPI allows, and all that it forbids, and holds the answers against it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed: it is in the dev requirements")

import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

__all__ = ["Tally", "ask"]

_REJECTED = ["400", "401", "403", "404", "405", "409", "413", "422", "423", "429", "5xx"]
_MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds

# What the schema's `date-time` cannot say, its description does: years 1970 to 9999.
schemathesis.openapi.format("date-time", _MOMENTS.map(lambda moment: moment.isoformat().replace("+00:00", "Z")))


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Write whole numbers as such: JSON Schema takes 5.0 for an integer, and the service does not, as the page says."""
    return _whole(body)


@schemathesis.hook
def before_call(_context: Any, case: Any, _more: dict[str, Any]) -> None:
    """Where all is to be taken, in any phase: name no experiment, and wait for no long profile."""
    if case.meta is None or case.meta.generation.mode.is_positive:
        case.body = _outside_experiments(case.body)
        if case.operation.path.endswith("/profile"):
            case.query = {**(case.query or {}), "seconds": 0.1}


def _outside_experiments(value: Any) -> Any:
    """Leave experiments out: which ones run is the tenant's config, of which the schema knows nothing."""
    if isinstance(value, dict):
        return {name: _outside_experiments(one) for name, one in value.items() if name != "experiment"}
    return [_outside_experiments(one) for one in value] if isinstance(value, list) else value


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


class Tally:
    """What came back: cases by status, and what was wrong with them."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []

    @property
    def cases(self) -> int:
        return self.statuses.total()


def ask(url: str, key: str, *, examples: int, seed: int, whole: bool, accepts: bool = True) -> Tally:
    """Ask all operations of a port.

    ``examples``: random cases for each operation and kind; ``whole``: every bound of the schema by itself too;
    ``accepts``: whether all that the schema allows must be taken, which documents cannot say of themselves.
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"X-API-Key": key},
            "parameters": {"tenant": "demo"},
            "generation": {"max-examples": examples, "database": "none"},
            "phases": {
                "examples": {"enabled": False},
                "coverage": {"enabled": whole},
                "fuzzing": {"enabled": True},
                "stateful": {"enabled": False},
            },
            "checks": {
                "negative_data_rejection": {"expected-statuses": _REJECTED},
                "positive_data_acceptance": {"enabled": accepts},
            },
        }
    )
    tally = Tally()
    for event in from_schema(schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)).execute():
        if isinstance(event, ScenarioFinished):
            for interaction in event.recorder.interactions.values():
                if interaction.response is not None:
                    tally.statuses[interaction.response.status_code] += 1
                else:
                    tally.wrong.append(f"{event.label}: no answer")
            tally.wrong += _failures(event)
        elif isinstance(event, NonFatalError | FatalError):
            tally.wrong.append(str(getattr(event, "value", None) or event.exception))
    return tally


def _failures(event: ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                answer = event.recorder.interactions.get(case_id)
                body = b"" if answer is None or answer.response is None else answer.response.content
                yield f"{event.label}: {failure.title}: {failure.message[:300]} {body[:300]!r}"
