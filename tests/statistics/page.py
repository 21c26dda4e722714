"""Writes the tables of ``docs/reference/statistics.md`` from what a full run has kept in a folder."""

import re
import sys
import zlib
from pathlib import Path

from tests.statistics.parity import HEAD as OF_ORACLES
from tests.statistics.parity import PARITIES
from tests.statistics.simulations import HEAD as OF_SIMULATIONS
from tests.statistics.simulations import SIMULATIONS

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reference" / "statistics.md"
TABLES = {
    "oracles": (OF_ORACLES, tuple(parity.name for parity in PARITIES)),
    "simulations": (OF_SIMULATIONS, tuple(simulation.name for simulation in SIMULATIONS)),
}
"""By name: the head of the table, and the names of its rows."""


def keep(folder: Path, table: str, name: str, line: str) -> None:
    """Keep the line of a row, in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    _file(folder, table, name).write_text(line, encoding="utf-8")


def _file(folder: Path, table: str, name: str) -> Path:
    return folder / f"{table}-{zlib.crc32(name.encode()):08x}.txt"


def block(table: str) -> re.Pattern[str]:
    """Match a table with its markers; the second group is what stands between."""
    return re.compile(rf"(<!-- {table}: made by make statistics -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def main(folder: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for table, (head, names) in TABLES.items():
        lines = [_file(folder, table, name).read_text(encoding="utf-8") for name in names]
        made = "\n".join([head, *lines, ""])
        text, blocks = block(table).subn(lambda match, made=made: match[1] + made + match[3], text)
        assert blocks == 1, f"{PAGE.name} has {blocks} blocks for {table}"
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.relative_to(REPOSITORY)}: " + ", ".join(f"{len(rows)} {name}" for name, (_, rows) in TABLES.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
