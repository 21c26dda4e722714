"""A candidate in a running service: two arms that are never mixed, and an abort that reaches every worker."""

import threading

import pytest
from tests.integration.serving.shops import served, until

from recsys.encoding import canonical
from recsys.events import Exposure, read_spool
from recsys.releases import Held

UNITS = [f"browser-{number}" for number in range(40)]
OWN_RULES = canonical([{"id": "own", "action": "block", "item_ids": ["b-000"], "surface": "home"}])


@pytest.mark.long
def test_answers_are_whole_by_arm_while_releases_switch_and_an_abort_brings_everybody_to_control(shop):
    candidates = shop.releases.candidates
    with served(shop, confirm_s=30.0) as service:  # a busy machine is not a lost store
        service.answers_from(2)
        began = candidates.start("home", share=0.5, manifest=shop.manifest("b"), rules=OWN_RULES).release.generation
        service.answers_from(began)
        marks = {2: "a", began: "a"}
        seen: set[int] = set()
        wrong: list[str] = []
        arms: dict[str, list[str]] = {unit: [] for unit in UNITS}
        done = threading.Event()

        def read(units: list[str]) -> None:
            while not done.is_set():
                for unit in units:
                    answer = service.recommend(k=20, user={"anonymous_id": unit})
                    arm = answer.json["meta"].get("variant")
                    mark = "b" if arm == "candidate" else marks[answer.generation]
                    blocked = arm == "candidate" and "b-000" in {item["item_id"] for item in answer.json["items"]}
                    if answer.marks != {mark} or len(answer.json["items"]) != 20 or blocked:
                        wrong.append(f"{answer.generation} {arm} {answer.marks}")
                    seen.add(answer.generation)
                    arms[unit].append(arm or "none")

        readers = [threading.Thread(target=read, args=(UNITS[number::4],)) for number in range(4)]
        for reader in readers:
            reader.start()
        try:
            for number in range(6):
                generation = began + 1 + number
                marks[generation] = f"m{number}"
                assert shop.ship(f"m{number}") == generation
                until(lambda generation=generation: generation in seen, f"generation {generation} to be served")
            grown = began + 7
            marks[grown] = "m5"
            candidates.start("home", share=0.8)
            until(lambda: grown in seen, "the grown share to be served")

            shop.releases.hold(surface="home", reason="incident")
            ended = grown + 2
            marks[grown + 1] = marks[ended] = "m5"
            with pytest.raises(Held):
                candidates.start("home", share=0.9)
            with pytest.raises(Held):
                candidates.promote("home")
            assert candidates.abort("home").release.generation == ended
            service.answers_from(ended)
            until(lambda: all(arms[unit][-1] == "none" for unit in UNITS), "everybody to get what the surface serves")
        finally:
            done.set()
            for reader in readers:
                reader.join()

    assert wrong == []
    ways = {tuple(dict.fromkeys(arm for arm in arms[unit] if arm != "none")) for unit in UNITS}
    assert ways == {("control",), ("control", "candidate"), ("candidate",)}
    recorded: dict[str, set[str | None]] = {}
    for exposure in read_spool(shop.root / "host" / "spool", Exposure, tenant="demo"):
        if exposure.context["generation"] == str(ended):
            assert "experiment_id" not in exposure.context
        elif exposure.context.get("experiment_id") and int(exposure.context["generation"]) < grown:
            recorded.setdefault(exposure.context.get("unit_id", ""), set()).add(exposure.decision.arm)
    assert all(len(arms_of_unit) == 1 for arms_of_unit in recorded.values())
    assert len(recorded) == len(UNITS) + 1  # and nobody's, which are in no arm


@pytest.mark.long
def test_a_unit_keeps_its_arm_over_a_restart_and_a_promotion_ends_the_arms(shop):
    candidates = shop.releases.candidates
    began = candidates.start("home", share=0.5, manifest=shop.manifest("b"), rules=OWN_RULES).release.generation

    def arms(service):
        return [service.recommend(user={"anonymous_id": unit}).json["meta"]["variant"] for unit in UNITS]

    with served(shop, confirm_s=30.0) as service:
        service.answers_from(began)
        before = arms(service)
        assert set(before) == {"control", "candidate"}
    with served(shop, workers=1, confirm_s=30.0) as service:
        service.answers_from(began)
        assert arms(service) == before
        promoted = candidates.promote("home", reason="better").release.generation
        answer = service.answers_from(promoted)
        assert answer.marks == {"b"}
        assert "b-000" not in {item["item_id"] for item in answer.json["items"]}
        assert "variant" not in service.recommend(user={"anonymous_id": UNITS[0]}).json["meta"]


@pytest.mark.long
def test_a_release_whose_candidate_cannot_be_loaded_does_not_displace_the_one_before(shop):
    import signal

    from tests.integration.serving.test_availability import damage, signal_process

    with served(shop) as service:
        service.answers_from(2)
        follower = service.process.pid("follower")
        blobs = {path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file()}
        manifest = shop.manifest("bad")
        new = [path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file() and path not in blobs]
        signal_process(follower, signal.SIGSTOP)
        shop.releases.candidates.start("home", share=0.5, manifest=manifest)
        largest = max(new, key=lambda path: path.stat().st_size)
        largest.chmod(0o644)
        damage(largest)
        signal_process(follower, signal.SIGCONT)
        answer = service.answers_from(2, "last_good")
        assert answer.marks == {"a"}
        reasons = service.admin("/health/detailed").json["tenants"]["demo"]["reasons"]
        assert "generation 3 is not served" in reasons[0]
        shop.releases.candidates.abort("home")
        service.answers_from(4)
