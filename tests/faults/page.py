"""Write the table of docs/reference/reliability.md from what the fault suite counted.

``python -m tests.faults.page DIRECTORY``, where ``DIRECTORY`` holds the JSON files that ``make faults`` left.
"""

import datetime
import json
import platform
import sys
from pathlib import Path
from typing import Any

__all__ = ["PAGE", "table"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reliability.md"
_BEGIN, _END = "<!-- counted: begin -->\n", "<!-- counted: end -->\n"


def table(counts: list[dict[str, Any]], *, on: str, machine: str) -> str:
    """Return the part between the two comments: when and where, and a row a count."""
    rows = ["| # | fault, and what must hold | counted | bad | form | seconds | again with |\n", "|---" * 7 + "|\n"]
    for count in sorted(counts, key=lambda count: (int(count["fault"].strip("Fabcdefgh")), count["command"])):
        notes = "".join(f"; {name} {value}" for name, value in count["notes"].items())
        test = count["command"].split("::")[-1].rstrip("'")
        rows.append(
            f"| {count['fault']} | {_plain(count['what'] + notes)} | {count['count']:,} | {count['bad']} "
            f"| {'full' if count['full'] else 'short'} | {count['seconds']:g} | `{_plain(test)}` |\n"
        )
    short = sum(not count["full"] for count in counts)
    form = "the full form" if not short else f"{short} of {len(counts)} in the short form"
    return "".join([f"{on}, {machine}, {form}.\n\n", *rows])


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def main(directory: Path) -> None:
    """Replace the table of the page by what the files of a directory say."""
    counts = [json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))]
    if not counts:
        raise SystemExit(f"{directory} holds no count; make them: make faults")
    machine = f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    before, rest = PAGE.read_text().split(_BEGIN)
    made = table(counts, on=datetime.datetime.now(datetime.UTC).date().isoformat(), machine=machine)
    PAGE.write_text(before + _BEGIN + made + _END + rest.split(_END)[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
