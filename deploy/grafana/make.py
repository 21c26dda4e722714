"""Write the dashboard, recsys.json, from the table below: ``python deploy/grafana/make.py``.

Recorded series (`recsys:…`) come from deploy/prometheus/recsys.rules.yaml. Import the file, or provision it; it asks
for a Prometheus data source, and names none.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT = 8, 8
ROW = 24
OF = 'tenant=~"$tenant",surface=~"$surface"'


class Panel(NamedTuple):
    """One panel: each line is a legend and its expression."""

    title: str
    unit: str
    lines: dict[str, str]
    kind: str = "timeseries"


ROWS: dict[str, list[Panel]] = {
    "Availability": [
        Panel(
            "Budget left of 30 days",
            "percentunit",
            {
                "left": "1 - ((sum(increase(recsys_refusals_total{status=~'5..',code!='NO_RELEASE'}[30d]))"
                " or vector(0))"
                " / ((sum(increase(recsys_refusals_total{status=~'5..',code!='NO_RELEASE'}[30d])) or vector(0))"
                " + sum(increase(recsys_answers_total[30d])))) / (1 - scalar(recsys:availability:objective))"
            },
            "stat",
        ),
        Panel(
            "Requests not answered",
            "percentunit",
            {
                "5 minutes": "recsys:unanswered:share5m",
                "1 hour": "recsys:unanswered:share1h",
                "budget": "1 - recsys:availability:objective",
            },
        ),
        Panel(
            "Answers and refusals a second",
            "reqps",
            {
                "answers": "sum(rate(recsys_answers_total[5m]))",
                "{{status}} {{code}}": "sum by (status, code) (rate(recsys_refusals_total[5m]))",
            },
        ),
    ],
    "Latency": [
        Panel(
            "Time to answer",
            "s",
            {
                f"p{share}": f"histogram_quantile(0.{share}, sum by (le) "
                f"(rate(recsys_answer_seconds_bucket{{{OF}}}[5m])))"
                for share in (50, 95, 99)
            },
        ),
        Panel(
            "Answers over 50 ms",
            "percentunit",
            {
                "5 minutes": "recsys:slow:share5m",
                "1 hour": "recsys:slow:share1h",
                "budget": "1 - recsys:latency:objective",
            },
        ),
        Panel(
            "p99 by host",
            "s",
            {
                "{{instance}}": "histogram_quantile(0.99, sum by (instance, le) "
                f"(rate(recsys_answer_seconds_bucket{{{OF}}}[5m])))"
            },
        ),
    ],
    "What was answered": [
        Panel(
            "Answers by rung",
            "reqps",
            {"{{rung}}": f"sum by (rung) (rate(recsys_answers_total{{{OF}}}[5m]))"},
        ),
        Panel(
            "Answers without an item",
            "percentunit",
            {
                "{{tenant}}/{{surface}}": f"recsys:empty_answers:share10m{{{OF}}}",
                "page": "recsys:empty_answers:page_above",
            },
        ),
        Panel(
            "Our mistakes, of 15 minutes",
            "short",
            {
                "failed": "sum(increase(recsys_failures_total[15m]))",
                "answered from the floor": "sum(increase(recsys_answers_failed_ranking_total[15m]))",
            },
        ),
    ],
    "Releases": [
        Panel(
            "Generation by host",
            "none",
            {
                "{{instance}} {{tenant}}": 'recsys_generation{tenant=~"$tenant"}',
                "head of {{tenant}}": 'max by (tenant) (recsys_head{tenant=~"$tenant"})',
            },
        ),
        Panel(
            "Refused, pinned",
            "none",
            {
                "{{instance}} refuses {{tenant}}": 'recsys_release_refused{tenant=~"$tenant"}',
                "{{instance}} pinned {{tenant}}": 'recsys_pinned{tenant=~"$tenant"}',
            },
        ),
        Panel(
            "Held for; candidates' share",
            "short",
            {
                "{{tenant}}/{{surface}} held, hours": "max by (tenant, surface) "
                '(recsys_held_seconds{tenant=~"$tenant"}) / 3600',
                "{{tenant}}/{{surface}} candidate": f"max by (tenant, surface) (recsys_candidate_share{{{OF}}})",
                "{{tenant}}/{{surface}} guard overdue, minutes": "max by (tenant, surface) "
                f"(recsys_guard_silent_seconds{{{OF}}}) / 60",
            },
        ),
    ],
    "Data and pipelines": [
        Panel(
            "Age of the data, of its objective",
            "percentunit",
            {
                "{{tenant}}/{{surface}}": f"min by (tenant, surface) (recsys_data_age_seconds{{{OF}}})"
                f" / max by (tenant, surface) (recsys_data_objective_seconds{{{OF}}})"
            },
        ),
        Panel(
            "Last pipeline run began",
            "s",
            {
                "{{tenant}}/{{surface}} {{state}}": "min by (tenant, surface, state) "
                f"(recsys_pipeline_run_seconds{{{OF}}})"
            },
            "table",
        ),
        Panel(
            "Head last confirmed, by host",
            "s",
            {"{{instance}} {{tenant}}": 'recsys_unconfirmed_seconds{tenant=~"$tenant"}'},
        ),
    ],
    "Hosts and events": [
        Panel(
            "Events that wait for the store",
            "bytes",
            {"{{instance}}": "recsys_events_waiting_bytes", "ticket": "recsys:events_waiting:bytes"},
        ),
        Panel(
            "Answers not recorded",
            "percentunit",
            {"1 hour": "recsys:unrecorded_answers:share1h", "ticket": "recsys:unrecorded_answers:ticket_above"},
        ),
        Panel(
            "Checks, and processes replaced",
            "none",
            {
                "{{instance}} {{check}}": "recsys_healthy < 1",
                "{{instance}} {{process}} replaced": "recsys_process_replacements > 0",
            },
        ),
    ],
}


def drawn(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + at),
            "datasource": SOURCE,
            "expr": expression.replace("'", '"'),
            "legendFormat": legend,
            "instant": panel.kind != "timeseries",
            "format": "table" if panel.kind == "table" else "time_series",
        }
        for at, (legend, expression) in enumerate(panel.lines.items())
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def variable(name: str, of: str) -> dict[str, Any]:
    query = f"label_values({of}, {name})"
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def board() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": y, "w": ROW, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        for at, panel in enumerate(row):
            panels.append(drawn(panel, len(panels) + 1, at * WIDTH, y + 1))
        y += HEIGHT + 1
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    return {
        "uid": "recsys",
        "title": "RecSys",
        "tags": ["recsys"],
        "schemaVersion": 38,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [source, variable("tenant", "recsys_generation"), variable("surface", "recsys_data_age_seconds")]
        },
        "panels": panels,
    }


def written() -> str:
    """Return the file's text."""
    return json.dumps(board(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("recsys.json").write_text(written())
