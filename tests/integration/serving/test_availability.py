"""What goes wrong around the service, and what the answers then say."""

import os
import signal
import threading

import pytest
from tests.integration.serving.shops import Served, call, served, until

from recsys.events import Exposure, read_spool
from recsys.serving.counters import read_counters
from recsys.serving.host_state import read_host_state
from recsys.serving.process import ServiceProcess


def test_with_the_store_taken_away_answers_go_on_and_say_so(shop):
    with served(shop) as service:
        assert service.answers_from(2).warnings == set()
        shop.take_store_away()
        answer = service.answers_from(2, "last_good")
        assert "FALLBACK_LAST_GOOD" in answer.warnings
        assert len(answer.json["items"]) == 5
        health = service.admin("/health/detailed").json
        assert health["state"] == "degraded"
        assert "not available" in {c["name"]: c["reason"] for c in health["checks"]}["store"]
        shop.bring_store_back()
        assert service.answers_from(2).warnings == set()


@pytest.mark.long
def test_after_a_restart_without_the_store_the_hosts_copy_answers_and_says_so(shop):
    with served(shop) as service:
        service.answers_from(2)
    shop.take_store_away()
    with served(shop) as service:
        answer = service.answers_from(2, "disk")
        assert "FALLBACK_DISK" in answer.warnings
        assert answer.marks == {"a"}
        shop.bring_store_back()
        service.answers_from(2)


@pytest.mark.long
def test_boot_with_the_store_up_upgrades_to_what_was_shipped_meanwhile(shop):
    with served(shop) as service:
        service.answers_from(2)
    shop.ship("b")
    with served(shop) as service:
        assert service.answers_from(3).marks == {"b"}


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.long
def test_with_the_hosts_copy_damaged_and_the_store_away_the_floor_answers(shop):
    with served(shop) as service:
        service.answers_from(2)
    shop.take_store_away()
    for kind in ("copies", "shelves"):
        for path in (shop.root / "host" / kind / "demo").iterdir():
            damage(path)
    with served(shop) as service:
        answer = service.answers_from(2, "floor")
        assert "FALLBACK_FLOOR" in answer.warnings
        assert len(answer.json["items"]) == 5
        assert answer.marks == {"a"}
        shop.bring_store_back()
        service.answers_from(2)  # fetched again, and verified


@pytest.mark.long
def test_without_host_json_the_floor_still_answers(shop):
    with served(shop) as service:
        service.answers_from(2)
    shop.take_store_away()
    (shop.root / "host" / "host.json").write_bytes(b"{")
    (shop.root / "host" / "host.json.before").write_bytes(b"{")
    with served(shop) as service:
        assert service.answers_from(2, "floor").marks == {"a"}


@pytest.mark.long
def test_a_host_json_that_a_power_loss_left_empty_costs_no_rung(shop):
    with served(shop) as service:
        service.answers_from(2)
    shop.take_store_away()
    (shop.root / "host" / "host.json").write_bytes(b"")
    with served(shop) as service:
        assert service.answers_from(2, "disk").marks == {"a"}


@pytest.mark.long
@pytest.mark.parametrize("how", ["truncated", "flipped", "gone"])
def test_a_damaged_artifact_never_displaces_the_good_release_and_the_reason_is_told(shop, how):
    with served(shop) as service:
        service.answers_from(2)
        blobs = {path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file()}
        manifest = shop.manifest("bad")
        new = [path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file() and path not in blobs]
        largest = max(new, key=lambda path: path.stat().st_size)
        whole = largest.read_bytes()
        # Committed while the artifact is whole, read when it is not: the follower stands still between.
        follower = service.process.pid("follower")
        signal_process(follower, signal.SIGSTOP)
        shop.releases.ship("home", manifest, reason="will be damaged")
        largest.chmod(0o644)
        if how == "gone":
            largest.unlink()
        else:
            largest.write_bytes(whole[:-100] if how == "truncated" else bytes([whole[0] ^ 1]) + whole[1:])
        signal_process(follower, signal.SIGCONT)

        def told():
            tenant = service.admin("/health/detailed").json["tenants"]["demo"]
            return tenant if tenant["rejected_generation"] == 3 else None

        tenant = until(told, "the rejection in /health/detailed")
        assert tenant["generation"] == 2
        assert "generation 3 is not served" in tenant["reasons"][0]
        answer = service.answers_from(2, "last_good")
        assert answer.marks == {"a"}
        assert "FALLBACK_LAST_GOOD" in answer.warnings

        largest.unlink(missing_ok=True)
        largest.write_bytes(whole)
        service.admin("/v1/admin/tenants/demo/refresh", {}, method="POST")
        assert service.answers_from(3).marks == {"bad"}


@pytest.mark.long
def test_a_withdrawal_binds_over_http_although_the_release_that_carries_it_is_damaged(shop):
    with served(shop) as service:
        service.answers_from(2)
        blobs = {path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file()}
        manifest = shop.manifest("bad")
        new = [path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file() and path not in blobs]
        follower = service.process.pid("follower")
        signal_process(follower, signal.SIGSTOP)
        shop.releases.ship("home", manifest, reason="will be damaged")
        largest = max(new, key=lambda path: path.stat().st_size)
        largest.chmod(0o644)
        damage(largest)
        signal_process(follower, signal.SIGCONT)
        shown = {item["item_id"] for item in service.answers_from(2, "last_good").json["items"]}
        assert "a-000" in shown
        shop.releases.withdraw(["a-000"], reason="recalled")

        def gone():
            answers = [service.recommend() for _ in range(8)]
            return all("a-000" not in {item["item_id"] for item in answer.json["items"]} for answer in answers)

        until(gone, "the withdrawn item to be gone from every worker")
        assert service.answers_from(2, "last_good").marks == {"a"}
    shop.take_store_away()
    with served(shop) as service:
        answer = service.answers_from(2, "disk")
        assert "a-000" not in {item["item_id"] for item in answer.json["items"]}


@pytest.mark.long
def test_a_tenant_that_never_had_a_release_is_503_and_says_when_to_ask_again(tmp_path, shop):
    from recsys.access import create_key, create_tenant

    create_tenant(shop.store, "bare", actor="tests")
    secret = create_key(shop.store, "bare", "client", actor="tests").secret
    with served(shop) as service:
        service.answers_from(2)
        answer = service.post("/v1/recommend", {"surface": "home"}, key=secret)
        assert (answer.status, answer.json["code"]) == (503, "NO_RELEASE")
        assert int(answer.headers["retry-after"]) >= 1


def signal_process(pid, number):
    os.kill(pid, number)


def test_whatever_child_is_killed_answers_go_on_and_it_is_replaced(shop):
    with served(shop) as service:
        service.answers_from(2)
        for name in ("worker-0", "follower", "admin", "worker-1"):
            before = service.process.pid(name)
            signal_process(before, signal.SIGKILL)
            answers = [service.recommend() for _ in range(50)]
            assert {answer.status for answer in answers} == {200}
            assert {answer.generation for answer in answers} == {2}
            until(lambda before=before, name=name: service.process.pid(name) != before, f"{name} to be replaced")
        shop.ship("b")
        assert service.answers_from(3).marks == {"b"}
        assert until(lambda: service.admin("/healthz").status == 200, "the admin process")


@pytest.mark.long
def test_a_killed_follower_leaves_rungs_as_they_were(shop):
    with served(shop, confirm_s=30.0) as service:
        service.answers_from(2)
        before = read_host_state(shop.root / "host" / "host.json")
        signal_process(service.process.pid("follower"), signal.SIGKILL)
        until(lambda: read_host_state(shop.root / "host" / "host.json").follower != before.follower, "a new follower")
        assert service.recommend().rung == "live"


@pytest.mark.long
def test_a_host_is_ready_when_all_its_workers_are_whichever_is_asked(shop):
    shop.take_store_away()
    process = ServiceProcess(shop.settings(), log=shop.root / "service.log")
    with process:
        service = Served(shop, process)

        def noted(worker, ready):
            series = read_counters(process.places.counters.glob("*.cells"))
            of = {one.labels["worker"]: one.values[0] for one in series if one.name == "recsys_worker_ready"}
            return of.get(worker) == ready

        for worker in ("worker-0", "worker-1"):
            until(lambda worker=worker: noted(worker, 0.0), f"{worker} to run")
        until(lambda: call(f"{process.base_url}/readyz").status == 503, "somebody to listen")
        stopped = process.pid("worker-1")
        signal_process(stopped, signal.SIGSTOP)
        shop.bring_store_back()
        until(lambda: noted("worker-0", 1.0), "worker-0 to be ready")
        answer = call(f"{process.base_url}/readyz")
        assert (answer.status, answer.json["reasons"]) == (503, ["worker-1 is not ready yet"])
        signal_process(stopped, signal.SIGCONT)
        process.wait_ready()
        assert {service.recommend().status for _ in range(20)} == {200}


@pytest.mark.long
def test_workers_end_when_their_supervisor_is_killed(shop):
    with served(shop) as service:
        service.answers_from(2)
        pids = [service.process.pid(name) for name in ("worker-0", "worker-1", "follower", "admin")]
        supervisor = service.process.processes.supervisor
        signal_process(supervisor, signal.SIGKILL)

        def gone():
            return not any(os.path.exists(f"/proc/{pid}") for pid in pids)  # noqa: PTH110

        until(gone, "the children to end")


@pytest.mark.long
def test_eight_readers_during_many_swaps_never_see_two_generations_in_one_answer(shop):
    swaps = 25
    with served(shop) as service:
        service.answers_from(2)
        marks = {2: "a"}
        wrong: list[str] = []
        seen: set[int] = set()
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                answer = service.recommend(k=20)
                whole = answer.status == 200 and len(answer.json["items"]) == 20
                if not whole or answer.marks != {marks[answer.generation]}:
                    wrong.append(f"{answer.status} {answer.generation} {answer.marks}")
                seen.add(answer.generation)

        readers = [threading.Thread(target=read) for _ in range(8)]
        for reader in readers:
            reader.start()
        try:
            for generation in range(3, 3 + swaps):
                marks[generation] = f"m{generation}"
                assert shop.ship(f"m{generation}") == generation
                until(lambda generation=generation: generation in seen, f"generation {generation} to be served")
        finally:
            done.set()
            for reader in readers:
                reader.join()
        assert wrong == []
        assert len(seen) >= swaps


def test_a_rollback_takes_effect_and_the_exposures_say_which_generation_was_shown(shop):
    with served(shop) as service:
        service.answers_from(2)
        shop.ship("b")
        assert service.answers_from(3).marks == {"b"}
        ordered = service.admin(
            "/v1/admin/tenants/demo/rollback", {"lever": "artifacts", "surface": "home", "reason": "b is wrong"}
        )
        assert ordered.status == 200, ordered.body
        assert (ordered.json["generation"], ordered.json["held"]) == (4, True)
        assert service.answers_from(4).marks == {"a"}
    shown = {
        exposure.context["generation"]: {item.item_id.partition("-")[0] for item in exposure.items}
        for exposure in read_spool(shop.root / "host" / "spool", Exposure, tenant="demo")
    }
    assert shown == {"2": {"a"}, "3": {"b"}, "4": {"a"}}


def test_keys_work_with_the_store_away_and_a_revoked_one_stops_within_moments(shop):
    from recsys.access import revoke_key

    with served(shop) as service:
        service.answers_from(2)
        other = shop.operator
        assert service.post("/v1/recommend", {"surface": "home"}, key=other).status == 200
        revoke_key(shop.store, "demo", other.split("_")[1], actor="tests")
        until(
            lambda: service.post("/v1/recommend", {"surface": "home"}, key=other).status == 401,
            "the revoked key to stop working",
        )
        shop.take_store_away()
        assert service.answers_from(2, "last_good")


@pytest.mark.long
def test_the_same_host_directory_is_not_served_twice(shop):
    from recsys.errors import Failed
    from recsys.serving.process import ServiceProcess

    with served(shop):
        second = ServiceProcess(shop.settings(), log=shop.root / "second.log")
        with pytest.raises(Failed, match="another service uses"):
            second.start()


def test_sigterm_drains_and_ends_with_success(shop):
    with served(shop) as service:
        service.answers_from(2)
        url = service.process.base_url
        assert service.process.stop() == 0
        with pytest.raises(OSError, match="refused"):
            call(url + "/healthz")
