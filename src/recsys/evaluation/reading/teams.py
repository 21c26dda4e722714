"""Who placed which item of an interleaved list: from the decision records of the exposures, as they were logged."""

from recsys.evaluation.engine import Engine, literal
from recsys.evaluation.errors import NotInData
from recsys.evaluation.reading.parquet import files_sql
from recsys.evaluation.reading.sources import Opened

__all__ = ["open_teams"]


def open_teams(engine: Engine, exposures: Opened) -> None:
    """Make the view ``teams_read(request_id, teams)``, one team or NULL per place, of the exposures that have some.

    Raises
    ------
    NotInData
        When no exposure says who placed what. Teams are never drawn again: another coin would be another experiment.
    """
    listed = ", ".join(literal(str(path)) for path in exposures.paths)
    if exposures.lines:
        columns = "columns = {request_id: 'VARCHAR', decision: 'JSON'}"
        rows = f"read_json([{listed}], format = 'newline_delimited', {columns})"
        teams = "CAST(json_extract(decision, '$.teams') AS VARCHAR[])"
    else:
        rows = files_sql(exposures.paths)
        kinds = {row[0]: str(row[1]) for row in engine.rows(f"DESCRIBE SELECT * FROM {rows}")}  # noqa: S608 - our files
        kind = kinds.get("decision", "")
        as_text = "CAST(json_extract(decision, '$.teams') AS VARCHAR[])"
        inside = f"DESCRIBE SELECT unnest(decision) FROM {rows}"  # noqa: S608 - our files
        fields = {row[0] for row in engine.rows(inside)} if kind.startswith("STRUCT(") else set()
        as_list = "decision.teams::VARCHAR[]" if "teams" in fields else "NULL::VARCHAR[]"
        teams = as_text if kind in ("VARCHAR", "JSON") else as_list
    engine.run(
        f"CREATE TEMP TABLE teams_read AS SELECT request_id, any_value(teams) AS teams FROM "  # noqa: S608 - ours
        f"(SELECT request_id, {teams} AS teams FROM {rows}) WHERE len(teams) > 0 GROUP BY request_id"
    )
    (known,) = engine.row("SELECT count(*) FROM teams_read")
    if not known:
        raise NotInData("interleaving", "teams", reason="no exposure has a decision record that says who placed what")
