"""What Open Bandit Pipeline says of a small log of lists, kept as JSON for tests that do without it.

It pins libraries of 2022, so it is no extra of ours: run this in an environment of its own, which may be new::

    python3.11 -m venv bandit && bandit/bin/pip install numpy scipy scikit-learn pandas matplotlib seaborn tqdm pyyaml
    bandit/bin/pip install --no-deps --ignore-requires-python obp==0.5.7
    bandit/bin/python tests/statistics/freeze_open_bandit.py

PyTorch, which it imports for policies that learn, is not needed here: where it is absent, an empty stand-in is taken.
"""

import importlib.util
import itertools
import json
import platform
import sys
import types
from pathlib import Path

import numpy as np
import scipy
import sklearn
from sklearn.linear_model import Ridge

TO = Path(__file__).parents[1] / "unit" / "evaluation" / "frozen" / "open_bandit.json"
REQUESTS, PLACES, ITEMS, FOLDS, PENALTY = 60, 3, 5, 5, 10.0
NAMES = ("iips", "sips", "rips")


class Absent(types.ModuleType):
    """A module whose every name is an empty class: enough to be imported and subclassed."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in_for_torch():
    if importlib.util.find_spec("torch") is None:
        for name in ("torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data"):
            sys.modules[name] = Absent(name)
            above, _, last = name.rpartition(".")
            if above:
                setattr(sys.modules[above], last, sys.modules[name])


def lists_of(scores):
    """Every list that drawing by softmax without putting back can give, with its chance down to each place."""
    found = {}
    for one in itertools.permutations(range(ITEMS), PLACES):
        left, down, chances = np.exp(scores), 1.0, []
        for item in one:
            down *= left[item] / left.sum()
            left = np.where(np.arange(ITEMS) == item, 0.0, left)
            chances.append(down)
        found[one] = chances
    return found


def at_places(lists):
    """The chance of each item at each place, whatever stands above: shape (items, places)."""
    found = np.zeros((ITEMS, PLACES))
    for one, chances in lists.items():
        for place, item in enumerate(one):
            found[item, place] += chances[-1]
    return found


def make_log():
    """Rows of a log in two contexts, by place within request; the target policy of each is known exactly."""
    dice = np.random.default_rng(20)
    logging = [lists_of(scores) for scores in dice.normal(0, 0.5, (2, ITEMS))]
    target = [lists_of(scores) for scores in dice.normal(0, 0.8, (2, ITEMS))]
    best = [max(lists, key=lambda one: lists[one][-1]) for lists in target]
    taste = dice.uniform(0.1, 0.7, (2, ITEMS))
    context, rows = dice.integers(0, 2, REQUESTS), []
    for request in range(REQUESTS):
        mine = context[request]
        lists = list(logging[mine])
        drawn = lists[dice.choice(len(lists), p=[logging[mine][one][-1] for one in lists])]
        alone = at_places(logging[mine]), at_places(target[mine])
        for place, item in enumerate(drawn):
            rows.append(
                {
                    "request": request, "place": place, "item": item, "context": int(mine),
                    "reward": int(dice.random() < taste[mine, item] / (1 + place)),
                    "best": best[mine][place],
                    "iips": [alone[0][item, place], alone[1][item, place]],
                    "sips": [logging[mine][drawn][-1], target[mine][drawn][-1]],
                    "rips": [logging[mine][drawn][place], target[mine][drawn][place]],
                }
            )  # fmt: skip
    return {name: [row[name] for row in rows] for name in rows[0]}


def lists_values(log):
    """Estimators of lists. The library normalises ``iips`` and ``rips`` place by place, and adds the places up."""
    from obp import ope

    plain = {"iips": ope.SlateIndependentIPS, "sips": ope.SlateStandardIPS, "rips": ope.SlateRewardInteractionIPS}
    normal = {
        "iips": ope.SelfNormalizedSlateIndependentIPS,
        "sips": ope.SelfNormalizedSlateStandardIPS,
        "rips": ope.SelfNormalizedSlateRewardInteractionIPS,
    }
    ending = {"iips": "_item_position", "sips": "", "rips": "_cascade"}

    def value(kind, name):
        chances = np.array(log[name])
        return float(
            kind[name](len_list=PLACES).estimate_policy_value(
                slate_id=np.array(log["request"]),
                reward=np.array(log["reward"]),
                position=np.array(log["place"]),
                **{f"pscore{ending[name]}": chances[:, 0], f"evaluation_policy_pscore{ending[name]}": chances[:, 1]},
            )
        )

    found = {name: value(plain, name) for name in NAMES}
    found["snsips"] = value(normal, "sips")
    for name in ("iips", "rips"):
        found[f"sn{name} by place"] = value(normal, name)
    return found


def model_values(log):
    """The direct and the doubly robust value of a policy that always shows its best list, with a ridge of each fold."""
    from obp import ope

    one_hot = [np.eye(size)[np.array(log[name])] for name, size in (("item", ITEMS), ("place", PLACES), ("context", 2))]
    shown = np.hstack(one_hot)
    reward, place = np.array(log["reward"], dtype=float), np.array(log["place"])
    fold = np.array(log["request"]) % FOLDS
    expected = np.zeros((len(reward), ITEMS, PLACES))
    for number in range(FOLDS):
        rest = fold != number
        mean = reward[rest].mean()
        model = Ridge(alpha=PENALTY, fit_intercept=False, solver="cholesky").fit(shown[rest], reward[rest] - mean)
        for row in np.flatnonzero(fold == number):
            for item, at in itertools.product(range(ITEMS), range(PLACES)):
                asked = np.hstack([np.eye(ITEMS)[item], np.eye(PLACES)[at], one_hot[2][row]])
                expected[row, item, at] = mean + model.predict(asked[None])[0]
    best = np.array(log["best"]).reshape(REQUESTS, PLACES)[np.array(log["request"])]
    shows = np.zeros((len(reward), ITEMS, PLACES))
    for at in range(PLACES):
        shows[np.arange(len(reward)), best[:, at], at] = 1.0
    asked = {"action_dist": shows, "estimated_rewards_by_reg_model": expected, "position": place}
    logged = {"reward": reward, "action": np.array(log["item"]), "pscore": np.array(log["iips"])[:, 0]}
    return {
        "dm": PLACES * float(ope.DirectMethod().estimate_policy_value(**asked)),
        "dr": PLACES * float(ope.DoublyRobust().estimate_policy_value(**asked, **logged)),
    }


def main():
    stand_in_for_torch()
    import obp

    log = make_log()
    found = {
        "versions": {
            "obp": obp.__version__, "python": platform.python_version(), "numpy": np.__version__,
            "scipy": scipy.__version__, "scikit-learn": sklearn.__version__,
        },
        "sizes": {"requests": REQUESTS, "places": PLACES, "items": ITEMS, "folds": FOLDS, "penalty": PENALTY},
        "log": log,
        "values": lists_values(log) | model_values(log),
    }  # fmt: skip
    TO.write_text(json.dumps(found, indent=1).replace("\n   ", " ").replace("\n  ]", "]") + "\n")
    print(f"{TO.name}: {len(found['values'])} values by obp {obp.__version__}")


if __name__ == "__main__":
    main()
