"""Logs that are wrong in what they say: every mode holds or refuses, and names what is wrong.

One log that serves all modes is made once; each case is what is done to it, and what each mode is to say of it.
"""

import copy
import random
import re
from datetime import datetime, timedelta

import pytest
from tests.unit.evaluation.conftest import at

from recsys.errors import RecsysError
from recsys.evaluation import evaluate

MODES = ("offline", "experiment", "interleaving", "ope", "aa-check")
EXPERIMENT = {"experiment_id": "taste-1", "control_variant": "plain", "primary_metrics": ["ctr"], "usual_effect": 0.5}
CONFIGS = {
    "offline": {"metrics": [{"name": "ndcg", "k": 2}, {"name": "ctr"}]},
    "experiment": EXPERIMENT
    | {"success_metrics": ["conversion_rate"], "guardrails": [{"metric": "error_rate", "ceiling": 0.1}]},
    "interleaving": {"experiment_id": "taste-1", "control": "plain", "candidate": "taste"},
    "ope": {},
    "aa-check": {"metrics": ["ctr"]},
}
DECISION = {"request": {}, "now": 1.0, "generation": 1, "algo_version": "a", "answer": "x"}


@pytest.fixture(scope="module")
def sound():
    """240 units of two arms, two lists of two items each; 0.4 of lists are viewed and clicked, a few bought from."""
    dice, shown, done = random.Random(1), [], []
    for number in range(480):
        unit, first, minute = number // 2, dice.choice("ab"), 1440 * (number // 2 % 3) + dice.random() * 500
        request = f"r{number:03}"
        items = [
            {"item_id": first, "rank": 1, "logging_propensity": 0.5, "target_propensity": 0.6 if first == "a" else 0.4},
            {"item_id": "c", "rank": 2, "logging_propensity": 1.0, "target_propensity": 1.0},
        ]
        said = {"experiment_id": "taste-1", "experiment_variant": ("plain", "taste")[unit % 2], "surface": "home"}
        context = said | {"unit_id": f"u{unit}", "unit_type": "anonymous_id"}
        teams = dice.choice([["plain", "taste"], ["taste", "plain"]])
        # An export that writes a missing text as an empty one: no error of the service.
        row = {"request_id": request, "ts": at(minute), "items": items, "context": context, "error": ""}
        shown.append(row | {"decision": DECISION | {"teams": teams}})
        for nth, event in enumerate(("view", "click", "conversion")[: dice.choice([0, 0, 0, 2, 3])]):
            act = {"request_id": request, "item_id": first, "event_type": event, "ts": at(minute + nth + 0.5)}
            done.append(act | {"event_id": f"{request} {event}"} | ({"value": 20.0} if nth == 2 else {}))
    return {"exposures": shown, "outcomes": done}


@pytest.fixture
def said(sound, new_log):
    """Return how the modes judge the log after a change: the exit code, and the sentences."""

    def judge(change, modes=MODES, **asked):
        log = new_log()
        log.rows |= copy.deepcopy(sound)
        change(log.rows)
        dataset, found = log.dataset(), []
        for mode in modes:
            part = mode.removesuffix("-check")
            config = {"mode": mode, part: CONFIGS[mode] | asked}
            try:
                report = evaluate(dataset=dataset, config=config, allow_no_baseline=True)
            except RecsysError as error:
                found.append((mode, 1, str(error)))
            else:
                found.append((mode, report.exit_code, f"{report.decision.rule}: {report.decision.what_happened}"))
        return found

    return judge


def each(role, change):
    """Change every row of a role, or those that ``change`` does not skip."""
    return lambda rows: [change(number, row) for number, row in enumerate(rows[role])]


def later(row, **by):
    row["ts"] = (datetime.fromisoformat(row["ts"]) + timedelta(**by)).isoformat()


def arm(name, **by):
    """Move the outcomes of one arm in time."""

    def change(rows):
        mine = {row["request_id"] for row in rows["exposures"] if row["context"]["experiment_variant"] == name}
        for row in rows["outcomes"]:
            if row["request_id"] in mine:
                later(row, **by)

    return change


def twice(rows):
    for row in rows["outcomes"]:
        del row["event_id"]
    rows["outcomes"] *= 2


def reused(rows):
    rows["outcomes"][0]["event_id"] = rows["outcomes"][1]["event_id"] = "e1"


def several_days_apart(rows):
    """Let one arm run after the other."""
    by = {row["request_id"]: 10 * (row["context"]["experiment_variant"] == "taste") for row in rows["exposures"]}
    for role in ("exposures", "outcomes"):
        for row in rows[role]:
            later(row, days=by[row["request_id"]])


def assigned(**changed):
    """Give assignments that say what the exposures say, but for what ``changed`` makes of their fields."""

    def change(rows):
        for row in rows["exposures"]:
            context = row["context"]
            given = {"experiment_id": "taste-1", "variant": context["experiment_variant"], "ts": row["ts"]}
            given |= {"request_id": row["request_id"], "unit_id": context["unit_id"], "unit_type": "anonymous_id"}
            rows.setdefault("assignments", []).append(
                {name: changed.get(name, lambda value: value)(value) for name, value in given.items()}
            )

    return change


def other(variant):
    return {"plain": "taste", "taste": "plain"}[variant]


def teams(number, row):
    """Leave a third without, and give a sixth to others."""
    row["decision"]["teams"] = (["x", "y"] if number % 6 == 1 else row["decision"]["teams"]) if number % 3 else []


def conversions_late(rows):
    for row in rows["outcomes"]:
        if row["event_type"] == "conversion":
            later(row, days=9)


def both(*changes):
    return lambda rows: [change(rows) for change in changes]


OFFLINE, TRIAL, TEAMS, OPE = ("offline",), ("experiment",), ("interleaving",), ("ope",)
HOLDS = [
    ("one log is in another zone, and was read twice",
     both(twice, each("outcomes", lambda _, row: later(row, hours=5))), "offline",
     ["repeated_outcomes: 50% of outcomes without an event id", "clocks: 0% of "]),
    ("and the other way round, with reused ids", both(reused, each("outcomes", lambda _, row: later(row, hours=-5))),
     "ope", ["repeated_outcomes: 1 event id of several different outcomes, such as `e1`", "clocks: 100% of matched"]),
    ("an arm is late, on days of its own, and assigned otherwise",
     both(arm("taste", hours=1), several_days_apart, assigned(variant=other)), "experiment",
     ["same_days: ", "clocks_by_arm: of plain: 0% of", "assignments_agree: 100% of assignments name another arm"]),
    ("an arm is early, assigned too late, and nobody bought in time",
     both(arm("taste", hours=-1), conversions_late, assigned(ts=lambda ts: ts.replace("Z", "-00:01"))), "experiment",
     ["no conversion counts, most were dropped as outside_window", "clocks_by_arm: 79.41% of outcomes of taste",
      "arms_measured: conversion_rate:served is 0 in every arm", "assignment_clocks: 100%"]),
    ("lists lack their teams, and a clock is decades off",
     both(each("exposures", teams), lambda rows: rows["exposures"][0].update(ts=at(4e7))), "interleaving",
     ["lists_known: 50% of 480 lists", "is a clock wrong"]),
]  # fmt: skip
ERRORS = [
    ("ranks begin at 2", each("exposures", lambda _, row: [item.update(rank=item["rank"] + 1)
     for item in row["items"]]), OFFLINE, "exposures: no list of 480 has an item at rank 1"),
    ("unit ids are empty", each("exposures", lambda _, row: row["context"].update(unit_id="")), TEAMS,
     "unit_type says it, and unit_id is empty"),
    ("traffic is misspelt", each("exposures", lambda _, row: row["context"].update(traffic="User")), TRIAL,
     "no request is by a user"),
    ("nobody clicked", lambda rows: rows.update(outcomes=[row for row in rows["outcomes"]
     if row["event_type"] == "view"]), ("ope", "aa-check"), "click"),
    ("lists are empty", each("exposures", lambda _, row: row.update(items=[])), OPE, "every list is empty"),
    ("an item stands twice", lambda rows: [item.update(item_id="b") for item in rows["exposures"][0]["items"]], OPE,
     "request `r000` shows an item twice"),
    ("a propensity is a percentage", lambda rows: rows["exposures"][7]["items"][0].update(logging_propensity=50), OPE,
     "request `r007`: the logging propensity of `"),
    ("a target is negative", lambda rows: rows["exposures"][7]["items"][0].update(target_propensity=-0.5), OPE,
     "the target propensity of `"),
    ("teams are fewer than items", lambda rows: rows["exposures"][3]["decision"].update(teams=["plain"]), TEAMS,
     "request `r003` has 1 teams for 2 items"),
    ("assignments have no unit", assigned(unit_type=lambda _: "user_id"), TRIAL, "no assignment of the experiment has"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "mode", "says"), [pytest.param(*case, id=name) for name, *case in HOLDS])
def test_it_is_held_and_everything_is_named(said, change, mode, says):
    ((_, code, sentence),) = said(change, (mode,))
    assert code == 2
    assert sentence.startswith("integrity: ")
    assert [each for each in says if each not in sentence] == [], sentence


@pytest.mark.parametrize(("change", "modes", "says"), [pytest.param(*case, id=name) for name, *case in ERRORS])
def test_it_is_refused_and_named(said, change, modes, says):
    found = said(change, modes)
    assert [(mode, code) for mode, code, _ in found] == [(mode, 1) for mode in modes], found
    assert all(says in sentence for _, _, sentence in found), found


@pytest.mark.parametrize(
    ("mode", "asked", "says"),
    [
        ("ope", {"unit": "session_id"}, "unit `session_id`: no request has one; there are: anonymous_id"),
        ("aa-check", {"unit": "session_id"}, "unit `session_id`: no request has one"),
        ("ope", {"context_keys": ["surfac"]}, "ope.context_keys `surfac`: no exposure has it.*did you mean `surface`"),
        ("experiment", {"exclude": {"devise": ["kiosk"]}}, "experiment.exclude `devise`: no exposure has it"),
        ("experiment", {"exclude": {"surface": ["hoome"]}}, "`hoome`: no exposure says so. did you mean `home`"),
        ("interleaving", {"experiment_id": "tast-1"}, "experiment `tast-1`: .*did you mean `taste-1`"),
        ("interleaving", {"slice_keys": ["surface", "surface"]}, "slice_keys has `surface` twice"),
        (
            "experiment",
            {"guardrails": [{"metric": "ctr", "ceiling": float("inf")}]},
            r"guardrails\[0\].ceiling` is inf",
        ),
        ("offline", {"gates": [{"metric": "ctr:served", "min_value": float("nan")}]}, r"gates\[0\].min_value` is nan"),
        ("experiment", {"variants": {"plain": float("inf"), "taste": 1}}, "variants.plain` is inf"),
    ],
)
def test_what_a_config_names_and_no_log_has_is_an_error(said, mode, asked, says):
    ((_, code, sentence),) = said(lambda _: None, (mode,), **asked)
    assert code == 1
    assert re.search(says, sentence), sentence


@pytest.fixture(scope="module")
def reports(sound, new_log):
    """The sound log as each mode judges it."""
    log = new_log()
    log.rows |= copy.deepcopy(sound)
    dataset = log.dataset()
    parts = {mode: {"mode": mode, mode.removesuffix("-check"): CONFIGS[mode]} for mode in MODES}
    return {mode: evaluate(dataset=dataset, config=parts[mode], allow_no_baseline=True) for mode in MODES}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_looks_at_the_same_of_a_log_and_holds_nothing_that_is_sound(reports, mode):
    shared = [
        "outcomes_matched",
        "duplicate_request_ids",
        "repeated_outcomes",
        "unrecorded",
        "clocks",
        "outcomes_counting",
    ]
    assert [check.name for check in reports[mode].integrity[:6]] == shared
    assert [check.name for check in reports[mode].integrity if check.state == "hold"] == []
    assert reports[mode].decision.rule not in ("integrity", "operational_harm")


def test_votes_are_of_the_team_of_the_rank_whatever_the_order_of_the_items(said, reports):
    ((_, _, sentence),) = said(each("exposures", lambda _, row: row["items"].reverse()), TEAMS)
    decision = reports["interleaving"].decision
    assert sentence == f"{decision.rule}: {decision.what_happened}"


def test_units_that_were_all_in_both_arms_hold(said):
    def in_both(rows):
        assigned()(rows)
        rows["assignments"] += [{**row, "variant": other(row["variant"])} for row in rows["assignments"]]

    ((_, code, sentence),) = said(in_both, TRIAL)
    assert code == 2
    assert "crossovers: 240 units of 240" in sentence
