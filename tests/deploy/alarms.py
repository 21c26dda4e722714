"""What each alarm is for, as series: when it must ring, and the nearest cases in which it must not.

In the notation of promtool: `0+6x60` begins at 0 and grows by 6 a minute, sixty times; `_` is no sample.
"""

from typing import NamedTuple

__all__ = ["ALSO", "CASES", "DAY", "Case"]

Series = dict[str, str]

A, B = 'instance="a:8001",job="recsys"', 'instance="b:8001",job="recsys"'
SHOP = 'tenant="shop",surface="home"'
ANSWERS = f'recsys_answers_total{{{A},{SHOP},route="recommend",rung="live"}}'
EMPTY = f'recsys_answers_empty_total{{{A},{SHOP},route="recommend"}}'
DAY = 24 * 60


class Case(NamedTuple):
    """``rings`` at ``after`` minutes with the first series, and not with any of the others."""

    rings: Series
    after: int
    quiet: tuple[Series, ...]


def refused(code: str, status: int, *, per_minute: float, minutes: int, before: int = 0) -> Series:
    """Requests that were refused beside 600 a minute that were answered; none before minute ``before``."""
    calm = f"0x{before} " if before else ""
    name = f'recsys_refusals_total{{{A},code="{code}",status="{status}"}}'
    return {name: f"{calm}0+{per_minute}x{minutes}", ANSWERS: f"0+600x{before + minutes}"}


def slow(share: float, *, minutes: int, before: int = 0) -> Series:
    """A share of 600 answers a minute takes longer than 50 ms; none before minute ``before``."""
    labels = f'{A},{SHOP},route="recommend"'
    quick = 600 * (1 - share)
    calm = f"0+600x{before} {600 * before}+{quick}x{minutes}" if before else f"0+{quick}x{minutes}"
    return {
        f'recsys_answer_seconds_bucket{{{labels},le="0.05"}}': calm,
        f"recsys_answer_seconds_count{{{labels}}}": f"0+600x{before + minutes}",
    }


def answers(rungs: dict[str, int], *, empty: int = 0, minutes: int = 60, route: str = "recommend") -> Series:
    """Answers a minute by rung, and of all of them the empty ones."""
    labels = f'{A},{SHOP},route="{route}"'
    made = {f'recsys_answers_total{{{labels},rung="{rung}"}}': f"0+{rate}x{minutes}" for rung, rate in rungs.items()}
    return made | {f"recsys_answers_empty_total{{{labels}}}": f"0+{empty}x{minutes}"}


def health(check: str, *states: float, minutes: int = 60) -> Series:
    """One check of hosts a and b."""
    hosts = (A, B)
    return {
        f'recsys_healthy{{{host},check="{check}"}}': f"{state}x{minutes}"
        for host, state in zip(hosts, states, strict=False)
    }


def host(name: str, *values: float, labels: str = 'tenant="shop"', minutes: int = 300) -> Series:
    """A gauge of hosts a and b."""
    return {f"{name}{{{where},{labels}}}": f"{value}x{minutes}" for where, value in zip((A, B), values, strict=False)}


def data(*, begins_h: float, minutes: int, objective_h: float = 24) -> Series:
    """Data that is so old at the first minute, and grows old."""
    return {
        f"recsys_data_age_seconds{{{A},{SHOP}}}": f"{begins_h * 3600:.0f}+60x{minutes}",
        f"recsys_data_objective_seconds{{{A},{SHOP}}}": f"{objective_h * 3600:.0f}x{minutes}",
    }


def run(state: str, *, begins_h: float, where: str = A, minutes: int = 30) -> Series:
    """The last run of the surface, as a host tells it."""
    return {f'recsys_pipeline_run_seconds{{{where},{SHOP},state="{state}"}}': f"{begins_h * 3600:.0f}+60x{minutes}"}


def behind(head: int, **more: Series) -> Series:
    """Host a serves generation 4 and knows no other; host b knows ``head`` and serves it."""
    return host("recsys_generation", 4, head) | host("recsys_head", 4, head) | more.get("more", {})


def unrecorded(per_minute: float, *, late: float = 0) -> Series:
    return {
        ANSWERS: "0+600x120",
        f'recsys_answers_unrecorded_total{{{A},{SHOP},route="recommend"}}': f"0+{per_minute}x120",
        f'recsys_events_recorded_late_total{{{A},tenant="shop",stream="exposures"}}': f"0+{late}x120",
    }


CASES: dict[str, Case] = {
    "RecsysNoHost": Case(
        {f"up{{{A}}}": "0x20", f"up{{{B}}}": "0x20"},
        10,
        ({f"up{{{A}}}": "0x20", f"up{{{B}}}": "1x20"}, {f"up{{{A}}}": "1x8 0x20"}),
    ),
    "RecsysHostDown": Case(
        {f"up{{{A}}}": "0x20", f"up{{{B}}}": "1x20"},
        10,
        ({f"up{{{A}}}": "1x7 0x20"}, {'up{job="node",instance="a:9100"}': "0x20"}),
    ),
    "RecsysUnansweredFast": Case(
        refused("OVERLOADED", 503, per_minute=30, minutes=120),
        90,
        (
            refused("OVERLOADED", 503, per_minute=3, minutes=120),
            refused("BAD_KEY", 401, per_minute=300, minutes=120),  # the client's
            refused("NO_RELEASE", 503, per_minute=300, minutes=120),  # nothing was ever shipped
            refused("OVERLOADED", 503, per_minute=60, minutes=3, before=87),  # too short to cost much of a month
            {},
        ),
    ),
    "RecsysUnansweredSlowly": Case(
        refused("FAILED", 500, per_minute=2.4, minutes=DAY),
        DAY,
        (
            refused("FAILED", 500, per_minute=0.3, minutes=DAY),
            refused("FAILED", 500, per_minute=6, minutes=30, before=DAY - 30),
        ),
    ),
    "RecsysSlowFast": Case(
        slow(0.3, minutes=120),
        90,
        (slow(0.02, minutes=120), slow(0.5, minutes=1, before=89), {}),
    ),
    "RecsysSlowSlowly": Case(slow(0.04, minutes=DAY), DAY, (slow(0.005, minutes=DAY),)),
    "RecsysEmptyAnswersMany": Case(
        answers({"live": 60}, empty=20),
        30,
        (
            answers({"live": 60}, empty=6),
            answers({"live": 2}, empty=2, minutes=60),  # fewer than say something
            answers({"live": 60}, empty=60, route="similar"),  # an item may have no neighbour
        ),
    ),
    "RecsysEmptyAnswers": Case(
        answers({"live": 100}, empty=5), 40, (answers({"live": 100}, empty=1), answers({"live": 100}, empty=0))
    ),
    "RecsysLowerRungs": Case(
        answers({"live": 80, "last_good": 20}),
        30,
        (answers({"live": 98, "last_good": 2}), answers({"live": 0, "last_good": 0})),
    ),
    "RecsysDiskOrFloor": Case(
        answers({"live": 80, "floor": 20}),
        30,
        (answers({"live": 20, "last_good": 80}), answers({"live": 98, "disk": 2})),
    ),
    "RecsysOurMistake": Case(
        {f"recsys_failures_total{{{A}}}": "0x10 1x10"},
        15,
        ({f"recsys_failures_total{{{A}}}": "7x20"}, answers({"floor": 10})),
    ),
    "RecsysWorkersStandStill": Case(health("workers", 0.5, 1), 10, (health("workers", 1, 1), health("store", 0.5))),
    "RecsysProcessesDie": Case(
        {f'recsys_process_replacements{{{A},process="worker-0"}}': "0 1 2 3 4 4x20"},
        10,
        ({f'recsys_process_replacements{{{A},process="worker-0"}}': "0x5 1x20"},),
    ),
    "RecsysDataStale": Case(
        data(begins_h=25, minutes=300),
        250,
        (data(begins_h=21, minutes=300), data(begins_h=25, minutes=300, objective_h=48)),
    ),
    "RecsysDataVeryStale": Case(
        data(begins_h=49, minutes=60),
        30,
        (data(begins_h=40, minutes=60), data(begins_h=49, minutes=60, objective_h=48)),
    ),
    "RecsysPipelineFailed": Case(
        run("failed", begins_h=1),
        20,
        (
            run("done", begins_h=1),
            run("running", begins_h=0) | run("failed", begins_h=20, where=B),  # b has not read the new run yet
        ),
    ),
    "RecsysPipelineSilent": Case(run("done", begins_h=31), 20, (run("done", begins_h=20), {})),
    "RecsysPipelineEndless": Case(
        run("running", begins_h=7),
        20,
        (
            run("running", begins_h=2),
            run("done", begins_h=7),
            run("done", begins_h=0) | run("running", begins_h=7, where=B),
        ),
    ),
    "RecsysReleaseRefused": Case(host("recsys_release_refused", 1, 0), 10, (host("recsys_release_refused", 0, 0),)),
    "RecsysHostBehind": Case(
        behind(5),
        10,
        (
            behind(4),
            behind(5, more=host("recsys_pinned", 1, 0)),  # an operator's word
            behind(5, more=host("recsys_release_refused", 1, 0)),  # has an alarm of its own
        ),
    ),
    "RecsysPinForgotten": Case(host("recsys_pinned", 1), 250, (host("recsys_pinned", 0),)),
    "RecsysHoldForgotten": Case(
        {'recsys_held_seconds{tenant="shop",surface=""}': "90000+60x10"},
        5,
        ({'recsys_held_seconds{tenant="shop",surface=""}': "3600+60x10"}, {}),
    ),
    "RecsysGuardSilent": Case(
        {f"recsys_guard_silent_seconds{{{A},{SHOP}}}": "5+60x10"},
        2,
        ({f"recsys_guard_silent_seconds{{{A},{SHOP}}}": "0x10"}, {}),
    ),
    "RecsysStoreUnreachable": Case(health("store", 0.5, 0.5), 10, (health("store", 0.5, 1), health("store", 1, 1))),
    "RecsysHostCutOff": Case(
        host("recsys_unconfirmed_seconds", 400, 1),
        10,
        (
            host("recsys_unconfirmed_seconds", 12, 1),
            host("recsys_unconfirmed_seconds", 400) | host("recsys_release_refused", 1),
        ),
    ),
    "RecsysFollowerSilent": Case(health("follower", 1, 0), 10, (health("follower", 1, 1),)),
    "RecsysAnswersUnrecorded": Case(
        unrecorded(6),
        90,
        (unrecorded(0.3), unrecorded(6, late=6), {ANSWERS: "0x120"}),
    ),
    "RecsysEventsPileUp": Case(
        {f"recsys_events_waiting_bytes{{{A}}}": "2e9x30"},
        20,
        ({f"recsys_events_waiting_bytes{{{A}}}": "2e7x30", **health("events", 1)},),
    ),
    "RecsysTokensNotTaken": Case(health("token keys", 0), 10, (health("token keys", 0.5), health("token keys", 1), {})),
    "RecsysTokenKeysOld": Case(health("token keys", 0.5), 40, (health("token keys", 1), health("token keys", 0))),
    "RecsysCredentialsRefused": Case(
        refused("BAD_KEY", 401, per_minute=300, minutes=30),
        20,
        (
            refused("BAD_KEY", 401, per_minute=60, minutes=30),
            refused("INVALID", 422, per_minute=600, minutes=30),
        ),
    ),
    "RecsysOperatorsShutOut": Case(health("operators", 0.5), 10, (health("operators", 1),)),
}
"""By alarm. Those that ring by either of two causes have the other here: :data:`ALSO`."""

ALSO: dict[str, tuple[tuple[int, Series], ...]] = {
    "RecsysNoHost": ((10, {}), (10, {'up{job="node",instance="a:9100"}': "1x20"})),
    "RecsysUnansweredFast": (
        (400, refused("FAILED", 500, per_minute=5, minutes=400)),
        (10, {f'recsys_refusals_total{{{A},code="NOT_READY",status="503"}}': "0+600x20"}),  # not one answer
    ),
    "RecsysUnansweredSlowly": ((3 * DAY, refused("FAILED", 500, per_minute=1.2, minutes=3 * DAY)),),
    "RecsysSlowFast": ((400, slow(0.08, minutes=400)),),
    "RecsysSlowSlowly": ((3 * DAY, slow(0.02, minutes=3 * DAY)),),
    "RecsysOurMistake": ((15, {f'recsys_answers_failed_ranking_total{{{A},{SHOP},route="recommend"}}': "0x10 3x10"}),),
    "RecsysEventsPileUp": ((20, health("events", 0.5)),),
}
