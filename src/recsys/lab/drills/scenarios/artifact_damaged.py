"""A release is committed, and its largest artifact loses its last bytes on the disk before a host has read it."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Scenario, good_lists, require


def _damage(sandbox: Sandbox) -> None:
    with sandbox.follower_standing_still():
        sandbox.damage_the_largest_artifact_of(sandbox.build(days=29, reason="nightly run"))


def _named(sandbox: Sandbox) -> None:
    found = sandbox.recsys.run("releases", "verify", expect=1)["findings"]
    require([finding["generation"] for finding in found] == [sandbox.began + 1], f"verify finds {found}")


scenario = Scenario(
    title="A damaged artifact in a release",
    acts=(
        Act(
            happens=_damage,
            expected=Expected(symptom="not-ready", cause="is refused", lever="artifacts"),
            cured=good_lists,
        ),
    ),
    afterwards=_named,
    sound=False,
)
