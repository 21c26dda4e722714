"""Weeks of a tenant's life, written into its store as the service, the pipelines and people would have left them."""

import itertools
import random
import time
from pathlib import Path

from tests.integration.console.shops import Guest

from recsys.documents.groups import Gate
from recsys.encoding import canonical, rfc3339
from recsys.evaluation import Report, evaluate
from recsys.pipelines.errors import Exceeded
from recsys.pipelines.gate import GateReport
from recsys.pipelines.report import LastRun, Measured, record_run

__all__ = ["Past"]

_DAY_S = 86_400.0
_SIGNALS = ("popularity", "cooc", "session_seq")


class Past:
    """What ``guest`` went through: a candidate at half of the people, runs every night, and what people did.

    Parameters
    ----------
    folder
        Where copies of the logs are written, for evaluations.
    """

    def __init__(self, guest: Guest, folder: Path) -> None:
        self.guest, self.folder = guest, folder
        self.midnight_s = time.time() // _DAY_S * _DAY_S
        self._files = itertools.count(1)
        self._chance = random.Random(7)
        manifest = guest.releases.current().surfaces["home"].manifest
        change = guest.releases.candidates.start("home", share=0.5, manifest=manifest, reason="newer artifacts")
        self.began = change.release.generation
        self.candidate = f"home-{self.began}"

    def people_came(self, *, days: int = 14, people: int = 160, uneven_from: int = 99, lost_on: int = 99) -> None:
        """Write answers and clicks of some days, the last of them yesterday.

        From day ``uneven_from`` on, half of the candidate's people are lost; on day ``lost_on`` four in ten exposures.
        """
        for day in range(days):
            at_s = self.midnight_s - (days - day) * _DAY_S
            exposures, outcomes = [], []
            for number in range(people):
                arm = ("control", "candidate")[number % 2]
                if day >= uneven_from and arm == "candidate" and number % 4 == 1:
                    continue
                shown, done = self._visit(f"{day}-{number}", arm, at_s + 60 * number)
                if day != lost_on or number % 5 > 1:
                    exposures.append(shown)
                if done is not None:
                    outcomes.append(done)
            self._write("exposures", at_s, exposures)
            self._write("outcomes", at_s, outcomes)

    def _visit(self, name: str, arm: str, at_s: float) -> tuple[bytes, bytes | None]:
        request_id = f"r-{name}"
        context = {
            "tenant_id": self.guest.tenant,
            "surface": "home",
            "generation": str(self.began),
            "rung": "live",
            "experiment_id": self.candidate,
            "experiment_variant": arm,
            "unit_type": "anonymous_id",
            "unit_id": f"u-{name}",
        }
        shown = {
            "request_id": request_id,
            "ts": rfc3339(at_s),
            "items": [{"item_id": "a-001", "rank": 1}],
            "context": context,
            "latency_ms": 2.0,
        }
        if self._chance.random() > 0.3:
            return canonical(shown), None
        click = {"request_id": request_id, "item_id": "a-001", "event_type": "click", "ts": rfc3339(at_s + 20)}
        return canonical(shown), canonical(click)

    def _write(self, stream: str, at_s: float, lines: list[bytes]) -> None:
        data, number = b"\n".join(lines) + b"\n", next(self._files)
        place = f"dt={rfc3339(at_s)[:10]}/past-0-{number}.jsonl"
        self.guest.shop.store.objects.create(f"events/{self.guest.tenant}/{stream}/{place}", data)
        copy = self.folder / stream / f"{number}.jsonl"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(data)

    def evaluated(self) -> Report:
        """Judge the candidate by the logs written so far."""
        roles = ("exposures", "outcomes")
        dataset = {
            role: {"type": "jsonl", "path": str(self.folder / role / "*.jsonl"), "ids": "pseudonymous"}
            for role in roles
        }
        experiment = {"experiment_id": self.candidate, "primary_metrics": ["ctr"], "control_variant": "control"}
        return evaluate(dataset=dataset, config={"mode": "experiment", "experiment": experiment})

    def gated(self, *, failed: tuple[str, ...] = ()) -> bytes:
        """Return the report of a gate, forced where something failed."""
        report = GateReport(
            tenant=self.guest.tenant,
            surface="home",
            manifest="sha256:" + "ab" * 32,
            generation=self.began,
            requests=200,
            empty_rate=(0.01, 0.02),
            overlap=0.83,
            p99_ms=(1.234, 1.301),
            taken=40,
            hit_rate=(0.5, 0.45),
            violations=(),
            limits=Gate(),
            failed=failed,
            forced=bool(failed),
        )
        return canonical(report)

    def ran(self, *, nights: int = 20, failed: bool = True) -> LastRun:
        """Leave the records of runs, the last of them last night; it failed, if so."""
        for night in range(nights):
            began_s = self.midnight_s - (nights - night) * _DAY_S + 3_600
            grown = 1 + night / nights
            run = LastRun(
                tenant=self.guest.tenant,
                surface="home",
                stage="done",
                started=rfc3339(began_s),
                finished=rfc3339(began_s + 40 * grown),
                start=rfc3339(began_s - 30 * _DAY_S)[:10],
                end=rfc3339(began_s - _DAY_S)[:10],
                counts={"rows": int(52_000 * grown), "events": int(50_000 * grown)},
                manifest="sha256:" + "cd" * 32,
                generation=2,
                shipped=night % 3 != 0,
                took_s={
                    "ingest": 12 * grown,
                    "validate": 2.1,
                    "compute": 22 * grown * grown,
                    "publish": self._chance.uniform(1, 3),
                },
                made={name: 900 + 10 * night + 40 * place for place, name in enumerate(_SIGNALS)},
                checks=("310 events on the last day; 1600 are usual",) if night == nights - 4 else (),
                measured=tuple(self._measured(night, nights)),
                run_id=f"{night:08x}",
            )
            record_run(self.guest.shop.store, run)
        return self._failed(run) if failed else run

    def _measured(self, night: int, nights: int) -> list[Measured]:
        last = night == nights - 4
        return [
            Measured(name="low_volume", seen=self._chance.uniform(0.8, 1.1), limit=0.2),
            Measured(name="last_day_volume", seen=0.19 if last else 0.9, limit=0.2, ok=not last, severity="warning"),
            Measured(name="clock_gain", seen=0.014, limit=0.2),
            Measured(name="top_share", seen=0.031, limit=0.5),
            *(Measured(name=f"{name}_rows", seen=1.01, limit=0.5) for name in _SIGNALS),
            *(Measured(name=f"{name}_alike", seen=self._chance.uniform(0.7, 0.95), limit=0.4) for name in _SIGNALS),
            Measured(name="window_days_back", seen=-1.0, limit=0.0),
        ]

    def _failed(self, before: LastRun) -> LastRun:
        began_s = self.midnight_s + 60
        why = "12 of 480 events' items are in the catalogue; cooc knows 210 items; what is served knows 1,130"
        run = LastRun(
            tenant=self.guest.tenant,
            surface="home",
            stage="publish",
            started=rfc3339(began_s),
            finished=rfc3339(began_s + 40),
            start=before.start,
            end=before.end,
            counts={"rows": 21_000, "events": 20_500},
            error=f"the artifacts failed their checks: {why}. mend the source and run again; "
            "or, if it is all as it should be: --force --reason WHY",
            error_code="CHECKS_FAILED",
            took_s={"ingest": 10.2, "validate": 1.4, "compute": 9.8},
            stopped_by=(Exceeded(name="cooc_rows", seen=0.1858, limit=0.5, said=why),),
            measured=(
                Measured(name="low_volume", seen=0.41, limit=0.2),
                Measured(name="cooc_rows", seen=0.1858, limit=0.5, ok=False),
                Measured(name="popularity_alike", seen=0.31, limit=0.4, ok=False, severity="warning"),
                Measured(name="popularity_rows", seen=0.97, limit=0.5),
            ),
            run_id="feed0001",
        )
        record_run(self.guest.shop.store, run)
        return run
