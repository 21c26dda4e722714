"""Write the table of docs/reference/drills.md from a report: ``python -m tests.unit.docs.drills_page REPORT.json``."""

import sys
from pathlib import Path

import msgspec
from tests.unit.docs.pages import DOCS

from recsys.lab.drills.rendering import markdown
from recsys.lab.drills.report import Report

__all__ = ["PAGE"]

PAGE = DOCS / "reference" / "drills.md"
_BEGIN, _END = "<!-- played: begin -->\n", "<!-- played: end -->\n"


def main(file: Path) -> None:
    """Replace the table of the page; refuses a report in which a drill failed."""
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    if not report.passed:
        raise SystemExit("a drill failed: mend it first")
    summary = markdown(report).split("\n## ")[0].split("\n", 2)[2]
    before, rest = PAGE.read_text().split(_BEGIN)
    PAGE.write_text(before + _BEGIN + summary.strip() + "\n" + _END + rest.split(_END)[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
