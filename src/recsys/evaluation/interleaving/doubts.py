"""What about an interleaving's lists is too strange to count votes on."""

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.errors import BadData
from recsys.evaluation.interleaving.config import InterleavingSettings
from recsys.evaluation.parts import Check
from recsys.evaluation.words import percent

__all__ = ["check_coin", "check_lists_known", "check_teams_fit"]


def check_teams_fit(engine: Engine) -> None:
    """Refuse teams that are more or fewer than the items they placed: whose an item is could not be told.

    Raises
    ------
    BadData
        Naming the request.
    """
    odd = engine.rows(
        "SELECT e.request_id, len(t.teams), len(e.items) FROM evaluated AS e JOIN teams_read AS t USING (request_id) "
        "WHERE len(t.teams) <> len(e.items) ORDER BY 1 LIMIT 1"
    )
    if odd:
        request, teams, items = odd[0]
        raise BadData(
            f"exposures: request `{request}` has {teams} teams for {items} items",
            next_step="export items and decision as they were logged: a team stands for the item of its rank",
        )


def check_lists_known(engine: Engine, config: Config, asked: InterleavingSettings) -> Check:
    """Hold when too few of the lists are known to be of the two: the others' votes would be lost, and not by chance."""
    known = (
        "SELECT request_id FROM teams_read WHERE len(list_filter(teams, lambda x: x IS NOT NULL)) > 0 "
        "AND list_has_all([$control, $candidate], list_filter(teams, lambda x: x IS NOT NULL))"
        if asked.algorithm == "team_draft"
        else "SELECT request_id FROM ranklists_read WHERE ranker IN ($control, $candidate) "
        "GROUP BY request_id HAVING count(DISTINCT ranker) = 2"
    )
    lists, of_both = engine.row(
        f"SELECT count(*), count_if(request_id IN ({known})) FROM interleaved",  # noqa: S608 - of ours
        control=asked.control,
        candidate=asked.candidate,
    )
    share, least = of_both / lists if lists else 0.0, config.integrity.min_join_rate
    said = f"{percent(share)} of {lists:,} lists are known to be of {asked.control} and {asked.candidate} alone"
    said += f"; at least {percent(least)} must"
    if share < least and asked.experiment_id is None:
        said += ": where the log has other interleavings, name the one (experiment_id)"
    state = "hold" if share < least else "ok"
    return Check(name="lists_known", state=state, value=share, threshold=least, sentence=said)  # type: ignore[arg-type]


def check_coin(engine: Engine, asked: InterleavingSettings) -> Check:
    """Hold when one team began far more lists than the other: the coin that decides it is not even."""
    from scipy.stats import binomtest

    began, lists = engine.row(
        "SELECT count_if(first = $candidate), count(*) FROM "
        "(SELECT list_filter(teams, lambda x: x IS NOT NULL)[1] AS first FROM teams_read SEMI JOIN evaluated "
        "USING (request_id)) WHERE first IN ($candidate, $control)",
        candidate=asked.candidate,
        control=asked.control,
    )
    p = float(binomtest(began, lists, 0.5).pvalue) if lists else 1.0
    began_share = percent(began / lists if lists else 0.0)
    said = f"{asked.candidate} began {began_share} of {lists:,} lists, p {p:.2g} for an even coin"
    return Check(name="coin", state="hold" if p < 0.001 else "ok", value=p, threshold=0.001, sentence=said)
