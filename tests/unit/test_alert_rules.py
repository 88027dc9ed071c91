"""The alert rules name metrics, labels and values that exist, and lead to the runbook; the page names all of them.

A rule with a misspelt label is valid to Prometheus and never fires.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import states
from prometheus_client import Counter, Histogram

from config.celery import ROUTES
from speechai.catalogue.outcomes import Outcome
from speechai.catalogue.use_cases import load_use_cases
from speechai.metrics import events
from speechai.operation.watching import GAUGES
from speechai.operation.webhooks import COUNTED

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((ROOT / "config" / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
PAGE, RUNBOOK = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("observation.md", "runbook.md"))
NAME = re.compile(r"\bspeechai_\w+")
SELECTOR = re.compile(r"(speechai_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
OPEN: frozenset[str] = frozenset()
"""In place of a label's values where they grow with use."""

Labels = dict[str, frozenset[str]]


def recorded() -> dict[str, Counter | Histogram]:
    return {metric._name: metric for metric in vars(events).values() if isinstance(metric, Counter | Histogram)}


def known() -> dict[str, Labels]:
    """Every name that a rule may use, with the values of each of its labels."""
    pairs: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    events.declare(
        outcomes=[outcome.value for outcome in Outcome], use_cases=load_use_cases(), tasks=ROUTES, webhooks=COUNTED
    )
    for name, metric in recorded().items():
        for sample in (one for family in metric.collect() for one in family.samples):
            for label, value in sample.labels.items():
                pairs[name][label].add(value)
    pairs["speechai_task_seconds"] = defaultdict(set, task=set(ROUTES), state={s.lower() for s in states.ALL_STATES})
    found: dict[str, Labels] = {}
    for name, metric in recorded().items():
        suffixes = ("_total",) if isinstance(metric, Counter) else ("_count", "_sum", "_bucket")
        for suffix in suffixes:
            found[name + suffix] = {label: frozenset(pairs[name][label]) for label in metric._labelnames}
    return found | {
        name: {label: frozenset(values) for label, values in gauge.labels.items()} for name, gauge in GAUGES.items()
    }


def faults_of(expr: str, metrics: dict[str, Labels]) -> list[str]:
    """What an expression names that does not exist."""
    faults = [] if expr.count("(") == expr.count(")") else ["the brackets do not match"]
    used: set[str] = set()
    for name, matchers in SELECTOR.findall(expr):
        if name not in metrics:
            faults.append(name)
            continue
        used |= set(metrics[name])
        for label, operator, text in MATCHER.findall(matchers):
            values = set(text.split("|")) if operator == "=~" else {text}
            allowed = metrics[name].get(label)
            if allowed is None or (allowed != OPEN and not values <= allowed):
                faults.append(f"{name} {label} {text}")
    for label in re.findall(r"by \(([^)]*)\)", expr):
        faults += [f"by {one}" for one in re.split(r",\s*", label) if one not in used]
    return faults


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_names_what_exists_and_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert NAME.search(rule["expr"])
    assert faults_of(rule["expr"], known()) == []
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    summary, runbook = rule["annotations"]["summary"], rule["annotations"]["runbook"]
    kept = {label for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in re.split(r",\s*", labels)}
    assert set(re.findall(r"\$labels\.(\w+)", summary)) <= kept
    path, _, anchor = runbook.partition("#")
    assert path == "docs/runbook.md"
    assert anchor in anchors(RUNBOOK)


@pytest.mark.parametrize(
    ("expr", "faults"),
    [
        ('speechai_up{server="mongo"} == 0', ["speechai_up server mongo"]),
        ('speechai_up{host="mongodb"} == 0', ["speechai_up host mongodb"]),
        ('sum(speechai_calls_total{result=~"placed|lost"})', ["speechai_calls_total result placed|lost"]),
        ('speechai_account_free{account="any"} < 1', []),
        ("speechai_calls > 0", ["speechai_calls"]),
        ("sum by (city) (speechai_callers) > 0", ["by city"]),
        ("max(speechai_up == 0", ["the brackets do not match"]),
    ],
)
def test_a_rule_that_names_something_else_is_found(expr: str, faults: list[str]) -> None:
    assert faults_of(expr, known()) == faults


def test_an_alert_has_one_name() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) > 15


def test_the_page_names_every_metric_every_label_value_of_a_closed_set_and_every_alert() -> None:
    rows = {code for line in PAGE.splitlines() if line.startswith("| `") for code in re.findall(r"`([^`]+)`", line)}
    histograms = {name for name, metric in recorded().items() if isinstance(metric, Histogram)}
    counters = {f"{name}_total" for name in recorded().keys() - histograms}
    assert set(GAUGES) | histograms | counters == {code for code in rows if NAME.fullmatch(code)}
    assert {rule["alert"] for rule in RULES} <= rows
    named = set(re.findall(r"`([^`\n]+)`", PAGE))
    assert {kind.value for kind in events.Find} | {step.value for step in events.CallStep} <= named
    gauges = [gauge for name, gauge in GAUGES.items() if name != "speechai_queue_length"]
    assert {value for gauge in gauges for values in gauge.labels.values() for value in values} <= named


def test_every_series_belongs_to_our_own_registry_and_has_a_label() -> None:
    """One without labels would be made when it is imported: before its process knows the folder of the counts."""
    assert all(metric._labelnames for metric in recorded().values())
    assert {family.name for family in events.OWN.collect()} == set(recorded())


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
