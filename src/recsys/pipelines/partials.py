"""What a signal made of single days, kept beside the days: what did not change is not computed again."""

from collections.abc import Mapping, Sequence
from datetime import date

from recsys.encoding import canonical, digest
from recsys.pipelines.engine import Engine, day_number, literal
from recsys.pipelines.rundir import Partition, RunFolder
from recsys.signals import Signal, SmallTable
from recsys.signals.artifact import Scope
from recsys.signals.signal import reads

__all__ = ["Partials"]

_FORMAT = 1


class Partials:
    """The daily step of one signal and scope, in the folder of an incremental run.

    A day's rows depend on its events and on what they are computed with; in a scope narrower than the tenant also on
    where lists were shown, that day or before.
    """

    def __init__(
        self, engine: Engine, run: RunFolder, partitions: Sequence[Partition], *, signal: Signal, scope: Scope
    ) -> None:
        self._engine = engine
        self._folder = run.path / "partials" / f"{signal.name}.{scope}"
        self._partitions = partitions
        self._lists_matter = scope != "tenant"

    def make(self, name: str, select: str, *, tables: Mapping[str, SmallTable], events: str) -> None:
        """Make the table of the daily step.

        Parameters
        ----------
        select
            The step, which reads the view ``events``.
        tables
            The small tables of the definition; those the step names are a part of what it depends on.
        events
            What the view ``events`` selects.
        """
        read = {key: table for key, table in tables.items() if reads(select, key)}
        of = canonical([_FORMAT, select, events, read])
        files = {day: self._folder / f"{day}-{self._key(of, day)}.parquet" for day in self._days()}
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in set(self._folder.iterdir()) - set(files.values()):
            path.unlink()
        missing = [day for day, path in files.items() if not path.exists()]
        if missing:
            numbers = ", ".join(str(day_number(day)) for day in missing)
            self._engine.run(f"CREATE OR REPLACE VIEW events AS {events} AND day IN ({numbers})")
            self._engine.make(name, select)
            self._engine.run(f"CREATE OR REPLACE VIEW events AS {events}")
            for day in missing:
                one = (
                    f"SELECT i.item_id, d.* EXCLUDE (item) FROM {name} AS d INNER JOIN items AS i ON i.item = d.item "  # noqa: S608 - ours
                    f"WHERE d.day = {day_number(day)} ORDER BY i.item_id"
                )
                self._engine.write(one, files[day])
        every = ", ".join(literal(str(path)) for path in files.values())
        self._engine.make(
            name,
            f"SELECT i.item, d.* EXCLUDE (item_id) FROM read_parquet([{every}]) AS d "  # noqa: S608 - our own paths
            "INNER JOIN items AS i ON i.item_id = d.item_id",
        )

    def _days(self) -> list[date]:
        return sorted({date.fromisoformat(part.day) for part in self._partitions if part.stream == "events"})

    def _key(self, of: bytes, day: date) -> str:
        """Name what a day's rows depend on."""
        inputs = [
            part.digest
            for part in self._partitions
            if (part.stream == "events" and part.day == str(day))
            or (part.stream == "exposures" and self._lists_matter and part.day <= str(day))
        ]
        return digest(of + canonical(inputs))[7:23]
