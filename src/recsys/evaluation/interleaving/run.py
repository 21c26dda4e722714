"""The evaluation of an interleaving, from logs in the engine to a report."""

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.encoding import rfc3339
from recsys.evaluation.engine import Engine, literal
from recsys.evaluation.errors import NotInData
from recsys.evaluation.interleaving.config import InterleavingSettings
from recsys.evaluation.interleaving.doubts import check_coin, check_lists_known, check_teams_fit
from recsys.evaluation.interleaving.results import InterleavingResult, Votes
from recsys.evaluation.interleaving.rules import Facts, decide
from recsys.evaluation.joining.judgeable import check_ranklists
from recsys.evaluation.joining.judged import slice_columns
from recsys.evaluation.joining.together import Together, describe
from recsys.evaluation.measuring.measures import score_requests
from recsys.evaluation.reading.teams import open_teams
from recsys.evaluation.report import Report
from recsys.evaluation.reporting import report_on
from recsys.evaluation.statistics.preferences import preference, randomised

__all__ = ["run_interleaving"]

_DAY_S = 86_400
_PREFERENCES = "SELECT sum(candidate - control) AS votes FROM votes WHERE {where} GROUP BY unit ORDER BY unit"


def run_interleaving(together: Together) -> Report:
    """Count whose items people took."""
    engine, config = together.engine, together.config
    asked = config.interleaving
    assert asked is not None
    _evaluated(together, asked)
    score_requests(engine, config, reranked=False, only="SEMI JOIN evaluated USING (request)")
    data = describe(together)
    slices = slice_columns(config)
    engine.script(
        f"votes_{asked.algorithm}",
        holes={"slices": "".join(f", e.{name}" for name in slices)},
        event=asked.reward_event,
        candidate=asked.candidate,
        control=asked.control,
    )
    units = _units(engine, _PREFERENCES.format(where="true"))
    candidate, control, requests = engine.row(
        "SELECT sum(candidate)::BIGINT, sum(control)::BIGINT, count(*) FROM votes"
    )
    votes = _votes("all", units, asked)
    result = InterleavingResult(
        control=asked.control,
        candidate=asked.candidate,
        algorithm=asked.algorithm,
        votes=votes,
        slices=_by_slice(engine, asked, slices),
        days=_by_day(engine, asked),
        candidate_votes=candidate,
        control_votes=control,
        p_votes=randomised(units, seed=asked.seed),
        p=votes.p_fixed if asked.inference == "fixed" else votes.p_sequential,
        requests=requests,
        units=len(units),
    )
    checks = (*together.integrity, check_lists_known(engine, together.config, asked))
    if asked.algorithm == "team_draft":
        checks += (check_coin(engine, asked),)
    return report_on(
        together,
        data=data,
        integrity=checks,
        decision=decide(Facts(data=data, integrity=checks, asked=asked, found=result), config),
        interleaving=result,
    )


def _evaluated(together: Together, asked: InterleavingSettings) -> None:
    """Narrow ``evaluated`` to the requests of users whose lists were interleaved.

    Raises
    ------
    NotInData
        For an experiment or a team that the data does not have.
    """
    engine = together.engine
    inside = "SELECT request_id FROM teams_read"
    if asked.algorithm == "team_draft":
        open_teams(engine, together.opened["exposures"])
        known = tuple(
            str(row[0])
            for row in engine.rows("SELECT DISTINCT unnest(teams) AS t FROM teams_read ORDER BY 1")
            if row[0]
        )
    else:
        if "ranklists" not in together.opened:
            reason = "the dataset has no ranklists, and the two lists are read from there"
            raise NotInData("interleaving", "balanced", reason=reason)
        check_ranklists(engine)
        known = tuple(str(row[0]) for row in engine.rows("SELECT DISTINCT ranker FROM ranklists_read ORDER BY 1"))
        inside = "SELECT request_id FROM ranklists_read"
    for team in (asked.control, asked.candidate):
        if team not in known:
            raise NotInData("team", team, reason="it placed nothing", known=known)
    named = ""
    if asked.experiment_id is not None:
        if "context" not in together.opened["exposures"].columns:
            raise NotInData("experiment", asked.experiment_id, reason="the exposures have no context")
        named = f"WHERE context['experiment_id'] = {literal(asked.experiment_id)}"
        engine.run(f"CREATE TEMP TABLE in_experiment AS SELECT request_id FROM exposures_read {named}")  # noqa: S608
        (met,) = engine.row("SELECT count(*) FROM in_experiment")
        if not met:
            names = "SELECT DISTINCT context['experiment_id'] FROM exposures_read LIMIT 100"
            known = tuple(str(row[0]) for row in engine.rows(names) if row[0])
            raise NotInData("experiment", asked.experiment_id, reason="no exposure names it", known=known)
        named = "AND request_id IN (SELECT request_id FROM in_experiment)"
    engine.run(
        "CREATE OR REPLACE TEMP VIEW interleaved AS SELECT * FROM exposures "  # noqa: S608 - ours
        f"WHERE by_user AND has_unit AND len(items) > 0 {named or f'AND request_id IN ({inside})'}"
    )
    engine.run(
        f"CREATE OR REPLACE TEMP VIEW evaluated AS SELECT * FROM interleaved WHERE request_id IN ({inside})"  # noqa: S608
    )
    if not engine.rows("SELECT 1 FROM evaluated LIMIT 1"):
        raise NotInData(
            "interleaving", asked.experiment_id or asked.algorithm, reason="no list of a user has two teams"
        )
    if asked.algorithm == "team_draft":
        check_teams_fit(engine)


def _units(engine: Engine, sql: str) -> npt.NDArray[Any]:
    return np.asarray(engine.run(sql).fetchnumpy()["votes"], dtype=np.float64)


def _votes(part: str, units: npt.NDArray[Any], asked: InterleavingSettings) -> Votes:
    found = preference(units, alpha=asked.alpha)
    return Votes(part=part, **found._asdict())


def _by_slice(engine: Engine, asked: InterleavingSettings, columns: list[str]) -> tuple[Votes, ...]:
    found = []
    for key, column in zip(asked.slice_keys, columns, strict=True):
        values = [str(row[0]) for row in engine.rows(f"SELECT DISTINCT {column} FROM votes ORDER BY 1")]  # noqa: S608
        for value in values:
            sql = _PREFERENCES.format(where=f"{column} = {literal(value)}")
            found.append(_votes(f"{key} = {value}", _units(engine, sql), asked))
    return tuple(found)


def _by_day(engine: Engine, asked: InterleavingSettings) -> tuple[Votes, ...]:
    found = []
    for (day,) in engine.rows("SELECT DISTINCT day FROM votes ORDER BY 1"):
        sql = _PREFERENCES.format(where=f"day <= {day}")
        found.append(_votes(rfc3339(day * _DAY_S)[:10], _units(engine, sql), asked))
    return tuple(found)
