"""The disk of the store died, and last night's copy was put in its place: hosts have seen releases that it lacks."""

import shutil

from recsys.lab.drills.sandbox import NIGHTLY_H, Sandbox
from recsys.lab.drills.scenario import Act, Answer, Expected, Finding, Scenario, live


def _back_up(sandbox: Sandbox) -> None:
    left_out = shutil.ignore_patterns("current.json", "tmp", "replicas")
    shutil.copytree(sandbox.store_path, sandbox.folder / "backup", ignore=left_out)


def _lose(sandbox: Sandbox) -> None:
    sandbox.put_config({"limits": {"max_k": 50}, "freshness_slo_h": NIGHTLY_H}, reason="a quiet day")
    newest = sandbox.tenant.releases.withdraw(sandbox.unwanted[:1], reason="recalled").release.generation
    sandbox.probes.until(lambda answer: answer["meta"]["generation"] == newest)
    shutil.rmtree(sandbox.store_path)
    shutil.copytree(sandbox.folder / "backup", sandbox.store_path)


def _restore(sandbox: Sandbox, _finding: Finding) -> None:
    sandbox.recsys.run("releases", "restore", "--reason", "the disk died")


def _above_all_seen(sandbox: Sandbox, answer: Answer) -> bool:
    return live(sandbox, answer) and bool(answer["meta"]["generation"] > sandbox.began + 2)


scenario = Scenario(
    title="The store is lost and put back from a backup",
    before=_back_up,
    acts=(
        Act(
            happens=_lose,
            expected=Expected(symptom="not-ready", cause="LOG_FORKED"),
            pull=_restore,
            cured=_above_all_seen,
        ),
    ),
)
