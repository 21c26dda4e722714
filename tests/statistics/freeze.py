"""Keep what the oracles say, with versions, for tests that do without them: ``python -m tests.statistics.freeze``.

Needs ``recsys-suite[statistics]``, which ``make statistics`` installs. Open Bandit Pipeline has a script of its own.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

from tests.statistics.parity import PARITIES

TO = Path(__file__).parents[1] / "unit" / "evaluation" / "frozen" / "oracles.json"
LIBRARIES = ("ir-measures", "pytrec-eval-terrier", "statsmodels", "tea-tasting", "numpy", "scipy", "pandas")


def main() -> None:
    found = {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "values": {p.name: [float(figure) for figure in p.oracle()] for p in PARITIES if p.library != "obp"},
    }
    TO.write_text(json.dumps(found, indent=1, ensure_ascii=False).replace("\n   ", " ").replace("\n  ]", "]") + "\n")
    print(f"{TO.name}: {len(found['values'])} oracles")


if __name__ == "__main__":
    main()
