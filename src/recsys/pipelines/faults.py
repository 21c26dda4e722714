"""Bad rows: counted by reason, and shown with file and line when there are too many."""

# ruff: noqa: S608 - statements are put together from our words and the operator\'s mapping; text goes through literal()

import csv
from collections import Counter

import msgspec

from recsys.pipelines.engine import Engine, EngineFailed
from recsys.pipelines.errors import BadInput
from recsys.pipelines.reading import Reading
from recsys.pipelines.sources import Source, open_lines

__all__ = ["Tally", "judge"]

MAX_SHOWN = 3
"""Bad rows an error shows: enough to see what kind of wrong it is."""


class _Shown(msgspec.Struct, frozen=True):
    source: Source
    line: int
    problem: str
    seen: str | None

    def __str__(self) -> str:
        place = "row" if self.source.format == "parquet" else "line"
        seen = "" if self.seen is None else f" ({self.seen!r})"
        return f"{self.source.path} {place} {self.line}: {self.problem}{seen}"


class Tally:
    """How many rows there were, and what became of those that were not taken."""

    def __init__(self) -> None:
        self.groups = 0
        self.rows = 0
        self.bad = 0
        self.dropped: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self._readings: list[Reading] = []
        self._torn: list[_Shown] = []

    def add(self, reading: Reading, verdicts: dict[int, int], torn: list[_Shown]) -> None:
        """Count one group: rows by verdict, and rows of CSV that the parser itself refused."""
        self.groups += 1
        first = 1 + len(reading.filters)
        for name, _ in reading.filters:
            self.dropped.setdefault(name, 0)
        for verdict, n in verdicts.items():
            if 0 < verdict < first:
                self.dropped[reading.filters[verdict - 1][0]] += n
            elif verdict >= first:
                self.problems[reading.faults()[verdict - first].problem] += n
        for shown in torn:
            self.problems[shown.problem] += 1
        bad = len(torn) + sum(n for verdict, n in verdicts.items() if verdict >= first)
        self.rows += len(torn) + sum(verdicts.values())
        self.bad += bad
        self._torn += torn
        if bad > len(torn):
            self._readings.append(reading)

    def check(self, engine: Engine, *, max_bad_rate: float) -> None:
        """Raise :class:`BadInput` when more rows are bad than may be; says where the first of them are."""
        if self.bad <= max_bad_rate * self.rows:
            return
        shown = self._torn[:MAX_SHOWN]
        for reading in self._readings:
            for source in reading.sources:
                if len(shown) < MAX_SHOWN:
                    shown += _find(engine, reading, source, most=MAX_SHOWN - len(shown))
        reasons = ", ".join(f"{n} × {problem}" for problem, n in self.problems.most_common())
        allow = _rounded_up(self.bad / self.rows)
        raise BadInput(
            f"{'; '.join(map(str, shown))}: {self.bad} of {self.rows} rows are bad ({reasons})",
            next_step=f"nothing was published; mend the data, or allow this share: --max-bad-rate {allow}",
        )


def judge(engine: Engine, reading: Reading, tally: Tally) -> None:
    """Read one group into its table and count the verdicts."""
    table = "staged_exposures" if "items" in reading.keep else "staged"
    number = tally.groups
    try:
        engine.run(f"INSERT INTO {table} BY NAME SELECT *, {number} AS part FROM ({reading.select()})")
    except EngineFailed as error:
        if error.no_room:
            raise
        first = reading.sources[0].path
        among = f" (or one of {len(reading.sources) - 1} files like it)" if len(reading.sources) > 1 else ""
        raise BadInput(f"{first}{among} cannot be read: {error.said}", next_step="was it written to its end?") from None
    counted = engine.rows(f"SELECT verdict, count(*) FROM {table} WHERE part = {number} GROUP BY verdict")
    tally.add(reading, {int(v): int(n) for v, n in counted}, _torn_rows(engine, reading))


def _torn_rows(engine: Engine, reading: Reading) -> list[_Shown]:
    """Take the rows the CSV parser refused: too few fields, too many, not UTF-8, an open quote."""
    if reading.sources[0].format != "csv":
        return []
    by_path = {str(source.path): source for source in reading.sources}
    found = engine.rows(
        "SELECT s.file_path, r.line, min(r.error_type) FROM rejects AS r JOIN reject_scans AS s "
        "USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL"
    )
    engine.run("DROP TABLE rejects")
    engine.run("DROP TABLE reject_scans")
    return [_Shown(by_path[path], int(line), str(kind).lower(), None) for path, line, kind in found]


def _find(engine: Engine, reading: Reading, source: Source, *, most: int) -> list[_Shown]:
    rows = engine.rows(reading.select_faults(source, most=most))
    if source.format == "csv":
        engine.run("DROP TABLE rejects")
        engine.run("DROP TABLE reject_scans")
    first = 1 + len(reading.filters)
    lines = _lines(source, [int(row[0]) for row in rows])
    faults = reading.faults()
    return [
        _Shown(source, line, faults[int(row[1]) - first].problem, row[2]) for line, row in zip(lines, rows, strict=True)
    ]


def _lines(source: Source, rows: list[int]) -> list[int]:
    """Turn the numbers of rows, ascending, into numbers of lines. Reads the file only as far as the last of
    them.
    """
    if source.format == "parquet" or not rows:
        return rows
    found: dict[int, int] = {}
    row = 0
    with open_lines(source.path) as file:
        if source.format == "jsonl":
            for line, text in enumerate(file, 1):
                if text.strip():
                    row += 1
                    found[row] = line
                if row >= rows[-1]:
                    break
        else:
            reader = csv.reader((text.decode("utf-8", "replace") for text in file), delimiter=source.delimiter)
            next(reader, None)
            for values in reader:
                if len(values) == len(source.fields):
                    row += 1
                    found[row] = reader.line_num
                if row >= rows[-1]:
                    break
    return [found.get(row, row) for row in rows]


def _rounded_up(rate: float) -> str:
    return f"{min(1.0, rate * 1.05):.2g}"
