"""The HTTP reference says what the code has."""

import re
from pathlib import Path

from recsys.operations.admin import ROUTES as OPERATIONS
from recsys.operations.pipeline_figures import PIPELINE_METRICS
from recsys.serving import Settings
from recsys.serving.admin import admin_app
from recsys.serving.desk import ROUTES
from recsys.serving.ladder import NOTICES, RUNGS
from recsys.serving.metrics import METRICS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text()
LISTED = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) \S+)` \|", PAGE, re.MULTILINE))


def test_the_page_lists_exactly_the_routes_of_both_ports():
    admin = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"
        for route in admin_app(Settings(), more=OPERATIONS).routes
        if not route.path.startswith("/openapi")
        for method in route.methods - {"OPTIONS", "HEAD"}
    }
    assert ROUTES | admin == LISTED


def test_the_page_names_every_rung_and_its_warning():
    for rung in RUNGS:
        (row,) = re.findall(rf"^\| `{rung}` \|.*$", PAGE, re.MULTILINE)
        assert all(f"`{notice.code}`" in row for notice in NOTICES[rung])


def test_the_page_lists_every_metric():
    rows = dict(re.findall(r"^\| `(recsys_\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows == METRICS | PIPELINE_METRICS
