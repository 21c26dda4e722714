"""The report of drills as files: for machines, for a repository, and as a page one would show."""

from pathlib import Path

import msgspec

from recsys.lab.drills.page import page
from recsys.lab.drills.report import Played, Report

__all__ = ["markdown", "write"]


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write ``report.json``, ``report.md`` and ``report.html``; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        "report.json": msgspec.json.format(msgspec.json.encode(report), indent=2),
        "report.md": markdown(report).encode(),
        "report.html": page(report).encode(),
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    return tuple(folder / name for name in written)


def markdown(report: Report) -> str:
    """Write the report as Markdown."""
    good = sum(played.passed for played in report.scenarios)
    lines = [
        f"# Drills: {good} of {len(report.scenarios)} passed",
        "",
        f"{report.at}, recsys {report.version}, {report.seconds:.0f} s; {report.machine.line()}.",
        "",
        "| drill | | found as | lever | found after | effect | healthy after | visits | unanswered |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for played in report.scenarios:
        lines += (_row(played, number) for number in range(max(1, len(played.acts))))
    lines += ["", "Found and healthy: seconds from the incident. Effect: seconds from the command's return.", ""]
    for played in report.scenarios:
        lines += [f"## {played.title}", "", played.story, ""]
        for act in played.acts:
            lines += [f"- Cause: {_plain(act.cause)}", f"- Lever: `{act.command}`" if act.command else "- Lever: none"]
            lines += [f"- Runbook: {act.runbook}"] if act.runbook else []
        lines += [f"- **{_plain(problem)}**" for problem in played.problems]
        lines.append("")
    return "\n".join(lines)


def _row(played: Played, number: int) -> str:
    name, said = (played.name, "passed" if played.passed else "FAILED") if number == 0 else ("", "")
    found = ["", "", "", "", ""]
    if played.acts:
        act = played.acts[number]
        seconds = act.seconds
        found = [act.symptom, act.lever or "none", *_times(seconds.detect, seconds.effect, seconds.recover)]
    return f"| {' | '.join([name, said, *found, str(played.served.visits), str(played.served.failed)])} |"


def _times(detect: float, effect: float, recover: float) -> tuple[str, str, str]:
    return f"{detect:.1f} s", f"{effect:.2f} s", f"{recover:.1f} s"


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
