"""Goes back to the data of a report: what no report holds, counted by day and named by a few request ids.

Nothing of it is kept. A sample is the earliest ids of those asked for, so that the same question has the same answer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from recsys.encoding import parse_rfc3339, rfc3339
from recsys.evaluation.engine import Engine, literal, memory_for, open_engine
from recsys.evaluation.errors import BadData, DataChanged
from recsys.evaluation.experiment.trial import make_trial
from recsys.evaluation.joining.fingerprint import fingerprint
from recsys.evaluation.joining.judged import bring_together, slice_columns
from recsys.evaluation.joining.together import Together, read_roles
from recsys.evaluation.reading.dataset import Dataset, read_dataset
from recsys.evaluation.report import Report
from recsys.progress import Progress

__all__ = ["Days", "Logs", "Top", "open_logs"]

_SAMPLE = 5
_DAY_S = 86_400
_ANY_DAY = 10**6
"""Later than any."""


class Days(NamedTuple):
    """Counts by UTC day; ``bad`` of ``total``, of one length with ``days``."""

    days: tuple[str, ...]
    bad: tuple[int, ...]
    total: tuple[int, ...]


class Top(NamedTuple):
    """The unit that has most of something: its share of all (0..1), of how many units and rows that have any, and some
    of its requests, those with most of it first.

    ``first_day`` and ``last_day`` are the ends of the days on which it has a tenth or more of what it has on its best.
    """

    share: float
    units: int
    rows: int
    first_day: str
    last_day: str
    requests: tuple[str, ...]


class Logs:
    """The logs of one report in the engine, joined as the evaluation joined them."""

    def __init__(self, together: Together) -> None:
        self._engine = together.engine
        self._config = together.config
        if together.config.mode == "experiment":
            make_trial(together)

    def unmatched(self, first: str | None = None, last: str | None = None) -> tuple[str, ...]:
        """Return request ids of outcomes without exposure, of these days."""
        return self._sample(
            "SELECT request_id, min(ts_us) AS place FROM outcomes ANTI JOIN exposures USING (request_id) "
            "WHERE day BETWEEN $first AND $last GROUP BY 1",
            **_between(first, last),
        )

    def unmatched_by(self, what: str, first: str, last: str) -> dict[str, tuple[int, int]]:
        """Return how many of how many outcomes are without exposure, by ``surface`` or ``event_type``."""
        rows = self._engine.rows(
            f"SELECT {what}, count_if(e.request_id IS NULL), count(*) FROM outcomes "  # noqa: S608 - two names of ours
            "LEFT JOIN (SELECT request_id FROM exposures) AS e USING (request_id) "
            f"WHERE day BETWEEN $first AND $last AND {what} IS NOT NULL GROUP BY 1 ORDER BY 1",
            **_between(first, last),
        )
        return {str(value): (int(bad), int(total)) for value, bad, total in rows}

    def exposures_on(self, first: str, last: str) -> tuple[str, ...]:
        """Return request ids of exposures of these days, to see what they look like."""
        return self._sample(
            "SELECT request_id, ts_us AS place FROM exposures WHERE day BETWEEN $first AND $last",
            **_between(first, last),
        )

    def reused(self) -> tuple[str, str, float]:
        """Return the first and the last day with a request id that came before, and which share of those rows is the
        same as another in all it says.
        """
        first, last, rows, distinct = self._engine.row(
            "SELECT min(ts_us) // 86400000000, max(ts_us) // 86400000000, count(*), count(DISTINCT content) "
            "FROM exposures_read SEMI JOIN duplicates USING (request_id)"
        )
        (ids,) = self._engine.row("SELECT count(*) FROM duplicates")
        return _named(first), _named(last), (rows - distinct) / (rows - ids)

    def reused_ids(self) -> tuple[str, ...]:
        """Return request ids that stand on several exposures."""
        return self._sample(
            "SELECT request_id, min(ts_us) AS place FROM exposures_read SEMI JOIN duplicates USING (request_id) "
            "GROUP BY 1"
        )

    def unrecorded(self) -> Days:
        """Count answers that the service could not record, of all it gave."""
        return self._days(
            "SELECT day, coalesce(sum(unrecorded), 0)::BIGINT, (count(*) + coalesce(sum(unrecorded), 0))::BIGINT "
            "FROM exposures GROUP BY 1 ORDER BY 1"
        )

    def lost_before(self, first: str, last: str) -> tuple[str, ...]:
        """Return request ids of the exposures that tell of lost answers."""
        return self._sample(
            "SELECT request_id, ts_us AS place FROM exposures WHERE unrecorded > 0 AND day BETWEEN $first AND $last",
            **_between(first, last),
        )

    def early(self) -> Days:
        """Count matched outcomes that come before their exposure."""
        return self._days(
            "SELECT outcome_day, count_if(delay_us < 0), count(*) FROM matched WHERE by_user GROUP BY 1 ORDER BY 1"
        )

    def delay_min(self, share: float, *, early: bool) -> float | None:
        """Return how many minutes after its exposure an outcome comes, at this quantile: of the early ones, or of all
        clicks and views that are not.
        """
        where = "delay_us < 0" if early else "delay_us >= 0 AND event_type <> 'conversion'"
        (found,) = self._engine.row(
            f"SELECT quantile_cont(delay_us, {share}) FROM matched WHERE by_user AND {where}"  # noqa: S608 - ours
        )
        return None if found is None else float(found) / 60e6

    def matched_where(self, condition: str, first: str | None = None, last: str | None = None) -> tuple[str, ...]:
        """Return request ids of matched outcomes, by SQL over ``matched``."""
        return self._sample(
            "SELECT request_id, min(outcome_day) AS place FROM matched "  # noqa: S608 - the conditions are ours
            f"WHERE {condition} AND outcome_day BETWEEN $first AND $last GROUP BY 1",
            **_between(first, last),
        )

    def dropped(self, reason: str) -> Days:
        """Count matched outcomes that do not count for this reason."""
        return self._days(
            "SELECT outcome_day, count(*) FILTER (reason = $reason), count(*) FROM matched GROUP BY 1 ORDER BY 1",
            reason=reason,
        )

    def event_types(self) -> dict[str, tuple[int, int]]:
        """Return by event type how many outcomes there are, and how many of those count."""
        rows = self._engine.rows(
            "SELECT event_type, (SELECT count(*) FROM outcomes AS o WHERE o.event_type = all_.event_type), "
            "(SELECT count(*) FROM matched AS m WHERE m.event_type = all_.event_type AND m.reason IS NULL) "
            "FROM (SELECT DISTINCT event_type FROM outcomes) AS all_ ORDER BY 1"
        )
        return {str(event): (int(outcomes), int(counting)) for event, outcomes, counting in rows}

    def arm_units(self, *, slice_: str | None = None) -> dict[str, dict[str, int]]:
        """Return by day how many units of each arm were first assigned on it; of a slice like ``device = tv``, those
        that made a request in it.
        """
        inside = self._slice(slice_) if slice_ else "true"
        return _by_first(
            self._engine.rows(
                "SELECT first_us // 86400000000, arm, count(*) FROM arms "  # noqa: S608 - the slice is quoted
                f"WHERE unit IN (SELECT unit FROM served WHERE {inside}) GROUP BY ALL ORDER BY ALL"
            )
        )

    def arm_units_served(self) -> dict[str, dict[str, int]]:
        """Return by day how many units of each arm were served on it, whenever they were assigned."""
        return _by_first(
            self._engine.rows(
                "SELECT day, variant, count(DISTINCT unit) FROM served WHERE variant IS NOT NULL AND by_user "
                "GROUP BY ALL ORDER BY ALL"
            )
        )

    def of_arm(self, arm: str, first: str | None, last: str | None, *, slice_: str | None = None) -> tuple[str, ...]:
        """Return request ids of what an arm served, of these days and this slice."""
        inside = f"AND {self._slice(slice_)}" if slice_ else ""
        return self._sample(
            "SELECT request_id, ts_us AS place FROM served "  # noqa: S608 - the slice is quoted
            f"WHERE variant = $arm AND by_user AND day BETWEEN $first AND $last {inside}",
            arm=arm,
            **_between(first, last),
        )

    def acted_on(self) -> dict[str, tuple[int, int]]:
        """Return by arm how many of how many requests have an outcome that is more than a view."""
        rows = self._engine.rows(
            "SELECT variant, count_if(request_id IN (SELECT request_id FROM matched WHERE event_type <> 'view')), "
            "count(*) FROM served WHERE variant IS NOT NULL AND by_user GROUP BY 1 ORDER BY 1"
        )
        return {str(arm): (int(acted), int(requests)) for arm, acted, requests in rows}

    def crossed(self) -> Days:
        """Count units of the experiment by day, and those of them that were in another arm than their first."""
        return self._days(
            "SELECT ts_us // 86400000000 AS day, count(DISTINCT unit) FILTER (variant <> arm), count(DISTINCT unit) "
            "FROM assigned JOIN arms USING (unit) GROUP BY 1 ORDER BY 1"
        )

    def crossed_on(self, first: str, last: str) -> tuple[str, ...]:
        """Return request ids that were served another arm than their unit's first."""
        return self._sample(
            "SELECT request_id, ts_us AS place FROM assigned JOIN arms USING (unit) WHERE variant <> arm "
            "AND ts_us // 86400000000 BETWEEN $first AND $last",
            **_between(first, last),
        )

    def top_unit(self, measure: str) -> Top | None:
        """Return the unit that has most of the ``requests``, the ``outcomes`` that count, or their ``value``."""
        source, amount = {
            "requests": ("SELECT unit, request_id, day FROM exposures WHERE by_user", "1.0"),
            "outcomes": (f"{_COUNTING}", "1.0"),
            "value": (f"{_COUNTING} AND event_type = 'conversion' AND value > 0", "value"),
        }[measure]
        rows = self._engine.rows(
            f"SELECT unit, sum({amount}) AS most, sum(sum({amount})) OVER (), count(*) OVER (), "  # noqa: S608 - ours
            f"sum(count(*)) OVER () FROM ({source}) GROUP BY unit ORDER BY most DESC, unit LIMIT 1"
        )
        if not rows:
            return None
        unit, most, whole, units, of = rows[0]
        # Days on which it has at least a tenth of what it has on its best: a price paid once is not of its other days.
        days = self._engine.rows(
            f"SELECT day FROM ({source}) WHERE unit = {unit} GROUP BY day "  # noqa: S608 - ours, and a number
            f"QUALIFY sum({amount}) * 10 >= max(sum({amount})) OVER () ORDER BY day"
        )
        ids = self._sample(
            f"SELECT request_id, -max({amount}) AS place FROM ({source}) WHERE unit = {unit} GROUP BY 1"  # noqa: S608
        )
        share = float(most) / float(whole) if whole else 0.0
        return Top(share, int(units), int(of), _named(days[0][0]), _named(days[-1][0]), ids)

    def _slice(self, said: str) -> str:
        """Write which requests are of a slice, by its name in the report."""
        key, _, value = said.partition(" = ")
        column = dict(zip(self._config.slice_keys, slice_columns(self._config), strict=True))[key]
        return f"{column} = {literal(value)}"

    def _sample(self, source: str, **parameters: Any) -> tuple[str, ...]:
        rows = self._engine.rows(
            f"SELECT request_id FROM ({source}) ORDER BY place, request_id LIMIT {_SAMPLE}",  # noqa: S608 - ours
            **parameters,
        )
        return tuple(str(row[0]) for row in rows)

    def _days(self, sql: str, **parameters: Any) -> Days:
        rows = self._engine.rows(sql, **parameters)
        return Days(
            tuple(_named(row[0]) for row in rows),
            tuple(int(row[1]) for row in rows),
            tuple(int(row[2]) for row in rows),
        )


_COUNTING = (
    "SELECT unit, request_id, outcome_day AS day, coalesce(value, 0)::DOUBLE AS value, event_type FROM matched "
    "WHERE reason IS NULL"
)


@contextmanager
def open_logs(
    report: Report, dataset: str | Path | Mapping[str, Any] | Dataset, *, progress: Progress
) -> Iterator[Logs]:
    """Open the data of a report, once it is known to be the same.

    Raises
    ------
    DataChanged
        When its content is not what the report was made of: what it shows would explain another evaluation.
    BadData, SettingsInvalid
        As :func:`recsys.evaluation.evaluate`.
    """
    import duckdb

    inputs, folder = read_dataset(dataset)
    try:
        with open_engine(memory_limit=memory_for(report.mode)) as engine:
            yield Logs(_bring(engine, report, inputs, folder, progress))
    except duckdb.Error as error:
        raise BadData(f"the data could not be read: {str(error).splitlines()[0]}") from error


def _bring(engine: Engine, report: Report, inputs: Dataset, folder: Path, progress: Progress) -> Together:
    with progress("read and check"):
        opened, keep = read_roles(engine, inputs, folder, report.config, ids=True)
        here = fingerprint(opened)
        if here != report.data.fingerprint:
            rows = {role: each.rows for role, each in opened.items()}
            raise DataChanged(_difference(report, rows))
    with progress("join"):
        judged = bring_together(engine, opened, report.config, keep)
    # The same data has the same joins: those of the report need no second look.
    return Together(engine, report.config, opened, judged, report.joins, report.days, report.drops, report.integrity)


def _difference(report: Report, rows: dict[str, int]) -> str:
    """Say what is known of how the data differs."""
    import duckdb

    made, here = report.versions.get("duckdb", "?"), duckdb.__version__
    if made.split(".")[0] != here.split(".")[0]:
        return f"the report was fingerprinted with DuckDB {made}, and here is {here}, which hashes otherwise"
    then = {role.role: role.rows for role in report.data.roles}
    different = [
        f"{role} had {then.get(role, 0):,} rows and has {rows.get(role, 0):,}"
        for role in dict.fromkeys((*then, *rows))
        if then.get(role) != rows.get(role)
    ]
    return "; ".join(different) or "as many rows as before, of another content"


def _between(first: str | None, last: str | None) -> dict[str, int]:
    """Return the numbers of two days since 1970; what is not given is any day."""
    return {"first": _number(first) if first else 0, "last": _number(last) if last else _ANY_DAY}


def _number(day: str) -> int:
    return int(parse_rfc3339(f"{day}T00:00:00Z", what="day") // _DAY_S)


def _named(day: int) -> str:
    return rfc3339(day * _DAY_S)[:10]


def _by_first(rows: list[tuple[Any, ...]]) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {}
    for day, arm, units in rows:
        counted.setdefault(_named(int(day)), {})[str(arm)] = int(units)
    return counted
