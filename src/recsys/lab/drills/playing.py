"""Plays a scenario: lets it happen, asks the doctor, pulls the lever, and counts seconds and users on the way."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from recsys.errors import RecsysError
from recsys.lab.drills.report import Acted, Played, Seconds
from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, DrillFailed, Expected, Finding, Scenario, require
from recsys.operations.doctor import SYMPTOMS

__all__ = ["play"]

_PATIENCE_S = 60.0
_OTHERS = frozenset(SYMPTOMS) - {"latency"}
_NORMAL_VISITS = 120
_VERIFYING_VISITS = 60
"""More than the least by which the health model judges a generation."""


def play(name: str, scenario: Scenario, *, story: str, template: Path, folder: Path) -> Played:
    """Play one scenario in ``folder``, which is made; a drill that fails says why in ``problems``."""
    began = time.monotonic()
    acts: list[Acted] = []
    problems: list[str] = []
    sandbox = Sandbox(template, folder)
    try:
        if scenario.before is not None:
            scenario.before(sandbox)
        with sandbox:
            sandbox.crowd.wait(_NORMAL_VISITS)
            acts += (_acted(sandbox, act) for act in scenario.acts)
            if scenario.afterwards is not None:
                scenario.afterwards(sandbox)
            if scenario.sound:
                sandbox.recsys.run("releases", "verify")
    except (RecsysError, OSError) as error:
        problems.append(_said(error))
    served = sandbox.served
    if served.failed > scenario.most_failed:
        problems.append(f"{served.failed} of {served.visits} requests were not answered")
    return Played(
        name=name,
        title=scenario.title,
        story=story,
        passed=not problems,
        problems=tuple(problems),
        acts=tuple(acts),
        served=served,
        typed=tuple(sandbox.typed),
        seconds=time.monotonic() - began,
    )


def _acted(sandbox: Sandbox, act: Act) -> Acted:
    act.happens(sandbox)
    happened = time.monotonic()
    finding = _found(sandbox, act.expected, until=happened + _PATIENCE_S)
    found = time.monotonic()
    if act.pull is not None:
        act.pull(sandbox, finding)
    else:
        require(bool(finding.get("command")), f"the doctor names no command for {finding['cause']}")
        sandbox.pull(finding["command"])
    pulled = time.monotonic()
    cured = sandbox.probes.until(lambda answer: act.cured(sandbox, answer), patience_s=_PATIENCE_S)
    sandbox.crowd.wait(_VERIFYING_VISITS)
    if not act.lasts:
        _healthy(sandbox, act.expected, until=time.monotonic() + _PATIENCE_S)
    return Acted(
        symptom=finding["symptom"],
        cause=finding["cause"],
        evidence=finding["evidence"],
        ruled_out=tuple(finding.get("ruled_out", ())),
        lever=finding.get("lever"),
        command=finding.get("command"),
        runbook=finding.get("runbook"),
        seconds=Seconds(detect=found - happened, effect=max(0.0, cured - pulled), recover=time.monotonic() - happened),
    )


def _found(sandbox: Sandbox, expected: Expected, *, until: float) -> Finding:
    """Ask the doctor, without a hint, until it finds what is expected; any other lever that it would pull fails."""
    while True:
        findings = _doctor(sandbox)
        wanted = next((finding for finding in findings if expected.matches(finding)), None)
        first = next((finding for finding in findings if finding.get("command")), None)
        if first is not None and (expected.lever is None or first is not wanted):
            raise DrillFailed(f"the doctor would pull {first['lever']}, for {first['symptom']}: {first['cause']}")
        if wanted is not None:
            return wanted
        if time.monotonic() > until:
            said = "; ".join(f"{finding['symptom']}: {finding['cause']}" for finding in findings) or "nothing"
            raise DrillFailed(f"the doctor did not find {expected.symptom} ({expected.cause}); it found {said}")


def _healthy(sandbox: Sandbox, was: Expected, *, until: float) -> None:
    """Wait until nothing is found. Slow answers count only where they were the incident: the sandbox shares its
    processors with the doctor, the pipelines and the people.
    """
    while findings := [one for one in _doctor(sandbox) if one["symptom"] in {was.symptom, *_OTHERS}]:
        if time.monotonic() > until:
            said = "; ".join(f"{finding['symptom']}: {finding['cause']}" for finding in findings)
            raise DrillFailed(f"afterwards the doctor still finds {said}")


def _doctor(sandbox: Sandbox) -> Sequence[Finding]:
    done = sandbox.recsys.tried("doctor")
    require(done.returncode in (0, 1) and bool(done.stdout.strip()), f"doctor failed: {done.stderr.decode().strip()}")
    document: Any = msgspec.json.decode(done.stdout)
    require("findings" in document, f"doctor failed: {document}")
    findings: Sequence[Finding] = document["findings"]
    return findings


def _said(error: RecsysError | OSError) -> str:
    if isinstance(error, RecsysError):
        return f"{error.message} ({error.next_step})" if error.next_step else error.message
    return str(error)
