"""Write a small store with the package as it is now: ``python -m tests.stores.make DIRECTORY``; then pack it."""

import sys
from pathlib import Path

from tests.unit.releases.shop import config, publish, rules

from recsys.access import create_key, revoke_key
from recsys.releases import Releases, create_tenant
from recsys.store import open_store

ACTOR = "ops@example"


def make(root: Path) -> None:
    store = open_store(root)
    for tenant in ("demo", "other"):
        create_tenant(store, tenant, actor=ACTOR, reason="begin")
    create_key(store, "demo", "client", actor=ACTOR)
    gone = create_key(store, "demo", "operator", actor=ACTOR)
    revoke_key(store, "demo", gone.info.id, actor=ACTOR, reason="left")
    demo = Releases(store, "demo", actor=ACTOR)
    first, second, _ = (publish(store, "home", likes=likes) for likes in (1, 2, 3))
    demo.ship("home", first, reason="first", evidence=[b'{"decision":"ship"}'])
    demo.put_config(config(limits={"max_k": 50}, surfaces={"home": {"weights": {"popularity": 1.0}}}))
    demo.put_rules(rules("no-mug", surface="pdp"))
    demo.ship("home", second, reason="second")
    demo.ship("pdp", publish(store, "pdp"))
    demo.disable_rule("no-mug", reason="incident")
    demo.withdraw(["jug"], reason="recalled")
    demo.rollback("artifacts", surface="home", reason="regressed")
    demo.undo(reason="it was not that")
    demo.hold(surface="pdp", reason="audit")
    other = publish(store, "home", tenant="other")
    Releases(store, "other", actor=ACTOR).ship("home", other)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
