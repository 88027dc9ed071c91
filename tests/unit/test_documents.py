"""The operator's documents name all that the catalogue and the command have, with the catalogue's own figures."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from speechai.catalogue import read_catalogue
from speechai.catalogue.callers import load_rest_rules
from speechai.catalogue.negotiation import load_tables
from speechai.catalogue.policies import OWN, load_policies, read_own, read_policy
from speechai.catalogue.policy_fields import RULES
from speechai.catalogue.use_cases import FACTS, Kind, UseCase, When, load_use_cases, read_use_case
from speechai.cli.main import speechai
from speechai.core.negotiation import OFFER_VARIABLES

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
SPANISH = (ROOT / "README.es.md").read_text(encoding="utf-8")
RULES_PAGE, CAMPAIGNS = PAGES["rules.md"], PAGES["campaigns.md"]


def cells_of(page: str, name: str) -> list[str]:
    """The cells of the one table row that begins with `name` as code."""
    rows = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
    assert len(rows) == 1, f"{name}: {len(rows)} rows"
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


def codes_in(text: str) -> set[str]:
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


def samples_in(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("name", load_policies())
def test_every_policy_stands_in_the_table_of_presets_with_its_hours_and_what_is_not_verified(name: str) -> None:
    policy, cells = load_policies()[name], cells_of(RULES_PAGE, name)
    _, hours, closed, limits, unverified, source = cells
    assert codes_in(unverified) == policy.unverified
    assert f"{policy.read_on:%Y-%m}" in source
    assert ("open" in closed) is not policy.closed_on_holidays
    if not policy.simulator_only:
        assert set(re.findall(r"\d\d:\d\d-\d\d:\d\d", hours)) == set(map(str, policy.hours.values()))
    for cap, words in ((policy.attempts_a_week, "a week"), (policy.quiet_days, "quiet day")):
        assert (words in limits) is bool(cap)
        assert not cap or str(cap) in limits
    assert ("a voicemail is a contact" in limits) is policy.voicemail_is_contact


def test_every_field_of_a_policy_is_explained() -> None:
    assert set(RULES) - codes_in(RULES_PAGE) - {"hours", "waves"} == set()


def test_the_policy_of_ones_own_in_the_document_is_one() -> None:
    own = read_own(read_catalogue("policies.toml")[OWN])
    (sample,) = samples_in(RULES_PAGE)
    for name, table in tomllib.loads(sample).items():
        assert read_policy(name, table, own).attempts_a_week == 3


@pytest.mark.parametrize("use_case", load_use_cases().values(), ids=lambda use_case: use_case.name)
def test_every_use_case_stands_in_its_table_with_columns_success_and_follow_ups(use_case: UseCase) -> None:
    _, required, success, right_person, follow_ups = cells_of(CAMPAIGNS, use_case.name)
    assert {text.strip() for text in required.split(",")} == use_case.required
    assert {"call_successful", *codes_in(success)} == set(use_case.success_any)
    assert codes_in(right_person) == {use_case.right_person}
    assert codes_in(follow_ups) == {follow_up.name for follow_up in use_case.follow_ups}


def test_the_use_case_in_the_document_is_one() -> None:
    (sample,) = samples_in(CAMPAIGNS)
    assert read_use_case("appointment", tomllib.loads(sample)).right_person == "habla_titular"


def test_kinds_occasions_facts_tables_variables_and_rest_rules_are_all_named() -> None:
    named = codes_in(CAMPAIGNS)
    assert set(Kind) | set(When) | set(load_tables()) | set(OFFER_VARIABLES) <= named
    assert {rule.name for rule in load_rest_rules()} <= named
    variables = cells_of(CAMPAIGNS, "[variables]")[1]
    assert [fact for fact in FACTS if not re.search(rf"\b{fact}\b", variables)] == []


def test_every_kind_of_alert_says_what_to_do() -> None:
    raised = {
        kind
        for path in (ROOT / "speechai" / "operation").rglob("*.py")
        for kind in re.findall(r"(?:raise_alert|alert)\(\s*context,\s*\"(\w+)\"", path.read_text(encoding="utf-8"))
    }
    told = codes_in(CAMPAIGNS.partition("| kind | what to do |")[2])
    assert len(raised) > 8
    assert raised <= told


@pytest.mark.parametrize("command", speechai.commands)
def test_every_command_is_shown_to_the_operator(command: str) -> None:
    shown = re.compile(rf"(?:speechai |make |`){re.escape(command)}(?![\w-])")
    assert any(shown.search(page) for page in PAGES.values())


@pytest.mark.parametrize("page", [*PAGES.values(), SPANISH], ids=[*PAGES, "README.es.md"])
def test_links_lead_to_files_that_exist(page: str) -> None:
    folder = ROOT if page in (PAGES["README.md"], SPANISH) else ROOT / "docs"
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page):
        assert (folder / target).exists(), target


TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in (path.stem, *re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8")))
}


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if "`test_" in text])
def test_every_test_that_a_document_names_exists(page: str) -> None:
    assert {code for code in codes_in(PAGES[page]) if re.fullmatch(r"test_\w+", code)} <= TESTS


def test_every_alert_that_the_page_on_recovery_names_is_raised() -> None:
    rules = set(re.findall(r"alert: (\w+)", (ROOT / "config" / "alerts.yml").read_text(encoding="utf-8")))
    told = codes_in(CAMPAIGNS.partition("| kind | what to do |")[2])
    seen = " ".join(row.split("|")[3] for row in PAGES["recovery.md"].splitlines() if row.startswith("| "))
    named = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", seen))
    raised = {code for code in codes_in(seen) if re.fullmatch(r"[a-z]+_[a-z]+", code)}
    assert len(named) > 8
    assert len(raised) > 2
    assert named <= rules
    assert raised <= told
