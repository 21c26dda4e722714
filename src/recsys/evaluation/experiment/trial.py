"""Who was in the experiment, in which arm, and which requests are analysed."""

from typing import NamedTuple

from recsys.evaluation.engine import Engine, literal
from recsys.evaluation.errors import NotInData
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.joining.judgeable import no_unit
from recsys.evaluation.joining.judged import slice_columns
from recsys.evaluation.joining.together import Together

__all__ = ["Trial", "make_trial"]


class Trial(NamedTuple):
    """The units of each arm, by first assignment.

    ``meant``: the share each arm was meant to get. ``seen`` counts arms that nobody was meant to get as well.
    ``crossovers`` are units that were seen in more than one arm. ``assigned_only``: by arm, units that were assigned
    and whose requests are not in the exposures, where assignments were given. ``tenants`` and ``surfaces``: whose and
    where it ran, as the exposures say.
    """

    control: str
    candidates: tuple[str, ...]
    meant: dict[str, float]
    seen: dict[str, int]
    crossovers: int
    requests_without_unit: int
    assigned_only: dict[str, int]
    tenants: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()


def make_trial(together: Together) -> Trial:
    """Make ``arms`` and ``served``, and narrow ``evaluated`` to the experiment.

    Raises
    ------
    NotInData
        When the experiment, an arm that the config names, or the unit is not in the data.
    """
    engine, config = together.engine, together.config
    asked = config.experiment
    assert asked is not None
    by_assignments = "assignments" in together.opened
    _check_there(engine, asked, by_assignments=by_assignments)
    engine.script("assigned", holes={"source": _source(engine, asked, by_assignments=by_assignments)})
    if by_assignments:
        engine.script("served_assigned")
    else:
        engine.run("CREATE TEMP VIEW served AS SELECT * FROM exposures")
    engine.script("arms")
    seen = {str(arm): int(units) for arm, units in engine.rows("SELECT arm, count(*) FROM arms GROUP BY 1 ORDER BY 1")}
    _check_arms(asked, seen)
    listed = ("request", "unit", "has_unit", "day", "failed", "empty", "fell_back", "latency_ms")
    names = ", ".join(f"served.{name}" for name in (*listed, *slice_columns(config)))
    engine.script("trial", holes={"listed": names})
    (crossovers,) = engine.row("SELECT count_if(variants > 1) FROM arms")
    (without,) = engine.row("SELECT count(*) FROM served WHERE variant IS NOT NULL AND by_user AND NOT has_unit")
    alone = "SELECT arm, count(*) FROM arms WHERE unit NOT IN (SELECT unit FROM evaluated) GROUP BY 1 ORDER BY 1"
    return Trial(
        control=asked.control_variant,
        candidates=tuple(arm for arm in sorted({*seen, *asked.variants}) if arm != asked.control_variant),
        meant=dict(asked.variants) or dict.fromkeys(seen, 1.0),
        seen=seen,
        crossovers=crossovers,
        requests_without_unit=without,
        assigned_only={str(arm): units for arm, units in engine.rows(alone)} if by_assignments else {},
        tenants=_places(engine, "tenant"),
        surfaces=_places(engine, "surface"),
    )


def _places(engine: Engine, name: str) -> tuple[str, ...]:
    """Return what exposures of the experiment say under a name, up to a hundred values."""
    found = f"SELECT DISTINCT {name} FROM served WHERE variant IS NOT NULL AND {name} <> '' ORDER BY 1 LIMIT 100"  # noqa: S608
    return tuple(str(row[0]) for row in engine.rows(found))


def _check_there(engine: Engine, asked: ExperimentSettings, *, by_assignments: bool) -> None:
    """Refuse an experiment or a kind of unit that the data does not have."""
    source = "assignments_read" if by_assignments else "exposures_read"
    name = "experiment_id" if by_assignments else "context['experiment_id']"
    if not by_assignments and "context" not in _columns(engine, "exposures_read"):
        reason = "the exposures have no context, and there are no assignments"
        raise NotInData("experiment", asked.experiment_id, reason=reason)
    names = [row[0] for row in engine.rows(f"SELECT DISTINCT {name} FROM {source} WHERE {name} <> '' LIMIT 100")]  # noqa: S608
    if asked.experiment_id not in names:
        raise NotInData("experiment", asked.experiment_id, reason="no row names it", known=tuple(map(str, names)))
    counted, of_unit = engine.row("SELECT count(*), count_if(has_unit) FROM exposures WHERE variant IS NOT NULL")
    whose = "exposure of the experiment"
    if by_assignments:
        whose = "assignment of the experiment"
        counted, of_unit = engine.row(
            f"SELECT count(*), count({_assigned_unit(engine, asked)}) FROM assignments_read "  # noqa: S608 - of ours
            "WHERE experiment_id = $experiment",
            experiment=asked.experiment_id,
        )
    if counted and not of_unit:
        said: str | None = "context['unit_type']"
        if by_assignments:
            said = "unit_type" if "unit_type" in _columns(engine, source) else None
        raise no_unit(engine, asked.unit, said=said, table=source, whose=whose)


def _columns(engine: Engine, table: str) -> set[str]:
    return {str(row[0]) for row in engine.rows(f"DESCRIBE {table}")}


def _assigned_unit(engine: Engine, asked: ExperimentSettings) -> str:
    """Write the unit of an assignment, of the columns that there are."""
    columns = _columns(engine, "assignments_read")
    said = f"CASE WHEN unit_type = {literal(asked.unit)} THEN nullif(unit_id, '') END"
    known = [said] if {"unit_type", "unit_id"} <= columns else []
    if asked.unit == "user_id" and "user_id" in columns:
        known.append("nullif(user_id, '')")
    if asked.unit == "request_id":
        return "request_id"
    return f"coalesce({', '.join(known)})" if known else "NULL::VARCHAR"


def _source(engine: Engine, asked: ExperimentSettings, *, by_assignments: bool) -> str:
    if not by_assignments:
        return (
            "SELECT request_id, unit, variant, ts_us FROM exposures "
            "WHERE variant IS NOT NULL AND by_user AND has_unit AND NOT excluded"
        )
    unit = _assigned_unit(engine, asked)
    has_context = "context" in _columns(engine, "assignments_read")
    by_user = "coalesce(context['traffic'], 'user') = 'user'" if has_context else "true"
    return (
        f"SELECT request_id, hash({unit}) AS unit, variant, ts_us FROM assignments_read "  # noqa: S608 - of ours
        f"WHERE experiment_id = {literal(asked.experiment_id)} AND {unit} IS NOT NULL "
        f"AND {by_user}"
    )


def _check_arms(asked: ExperimentSettings, seen: dict[str, int]) -> None:
    """Refuse when there is nothing to compare: control, or every other arm, is missing."""
    named = {"control_variant": asked.control_variant, **{f"variants.{arm}": arm for arm in asked.variants}}
    for where, arm in named.items():
        if arm not in seen:
            reason = f"no unit was given it (experiment.{where})"
            raise NotInData("arm", arm, reason=reason, known=tuple(seen))
    if len(seen) < 2:
        raise NotInData("arm", "candidate", reason=f"every unit was given {asked.control_variant}", known=tuple(seen))
