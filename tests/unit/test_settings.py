"""The settings: documented completely, checked with helpful words, secrets kept."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import SecretStr

from config.settings import EMBEDDED_NOTE, Settings, SettingsError, load_settings

ROOT = Path(__file__).parents[2]
KEY = "key_0123456789abcdef7f60"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default data folder is relative: a note of servers that run in the checkout must not be found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_example_file_and_documentation_name_exactly_the_settings_that_exist() -> None:
    fields = {name.upper() for name in Settings.model_fields}
    assert set(dotenv_values(ROOT / ".env.example")) == fields
    documented = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(fields)


def test_every_setting_of_the_example_file_is_explained_above_it() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"[A-Z_]+=", line):
            assert re.match(r"# [A-Za-z].*\.$", above), line


def test_the_values_of_the_example_file_are_the_defaults() -> None:
    assert load_settings({}, env_file=ROOT / ".env.example") == Settings()


def test_the_defaults_in_the_documentation_are_the_defaults() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert load_settings(dict(rows)) == Settings()
    assert len(rows) > 25


WRONG = [
    ("MONGO_URI", "localhost:27017", "mongodb://"),
    ("REDIS_URL", "http://localhost", "redis://"),
    ("RETELL_BASE_URL", "api.retellai.com", "https://api.retellai.com"),
    ("RETELL_FROM_NUMBER", "+56223456789,22345678", "E.164"),
    ("RETELL_CONCURRENCY", "0", "greater than or equal to 1"),
    ("RETELL_CONCURRENCY", "many", "integer"),
    ("RETELL_CALLS_PER_SECOND", "0", "greater than 0"),
    ("RETELL_READ_TIMEOUT_SECONDS", "inf", "finite number"),
    ("WORKER_COUNT", "501", "less than or equal to 500"),
    ("WORKER_COUNT", "2.5", "integer"),
    ("MAX_TRIES", "-1", "greater than or equal to 1"),
    ("CALL_POLLING_INTERVAL", "91", "less than or equal to 90"),
    ("CALL_POLLING_INTERVAL", "nan", "finite number"),
    ("CALL_MAX_DURATION_MINUTES", "121", "less than or equal to 120"),
    ("ANALYSIS_WAIT_SECONDS", "-1", "greater than or equal to 0"),
    ("TIMEZONE", "Chile/Santiago", "America/Santiago"),
    ("TIMEZONE", "../../etc/passwd", "IANA"),
    ("COUNTRY", "PE", "'CL' or 'AR'"),
    ("LOG_LEVEL", "LOUD", "'DEBUG'"),
    ("LOG_FORMAT", "xml", "'console' or 'json'"),
    ("FLOWER_PORT", "65536", "less than or equal to 65535"),
    ("WEB_PORT", "-1", "greater than or equal to 0"),
    ("WEBHOOK_URL", "calls.example.com/webhooks/retell", "https://calls.example.com/webhooks/retell"),
    ("WEBHOOK_WINDOW_SECONDS", "0", "greater than 0"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_refused_by_name_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({name: value})
    message = str(raised.value)
    assert f"{name}={value}" in message or f"{name}={value.split(',')}" in message
    assert allowed in message
    assert "pydantic" not in message


def test_a_lease_that_is_shorter_than_a_request_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"LEASE_SECONDS.*two timeouts \(35\)"):
        load_settings({"LEASE_SECONDS": "35"})
    assert load_settings({"LEASE_SECONDS": "35.1"}).lease_seconds == 35.1


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"TIMEZONE": "Nowhere", "MAX_TRIES": "none"})
    assert "TIMEZONE=Nowhere" in str(raised.value)
    assert "MAX_TRIES=none" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETELL_API_KEY", KEY),
        ("RETELL_API_KEY", "short"),
        ("FLOWER_BASIC_AUTH", "operator:hunter2-hunter2"),
        ("WEBHOOK_URL", "https://user:hunter2-hunter2@calls.example.com/webhooks/retell"),
        ("MONGO_URI", "mongodb://user:hunter2-hunter2@db.example:27017/"),
        ("REDIS_URL", "redis://:hunter2-hunter2@broker.example:6379/0"),
        ("REDIS_URL", "redis://:hunter2-hunter2/with@signs@broker.example:6379/0"),
    ],
)
def test_a_secret_is_not_in_what_is_printed(name: str, value: str) -> None:
    settings = load_settings({name: value})
    secret = "hunter2-hunter2" if "hunter2" in value else value
    for printed in (json.dumps(settings.masked()), repr(settings), str(settings)):
        assert secret not in printed
    assert (value if name.endswith(("URI", "URL")) else SecretStr(value)) == getattr(settings, name.lower())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLOWER_BASIC_AUTH", "hunter2-without-a-user"),
        ("MONGO_URI", "mongo://user:hunter2-hunter2@db.example"),
        ("REDIS_URL", "user:hunter2-hunter2@broker.example"),
    ],
)
def test_a_secret_is_not_in_the_error_about_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({name: value})
    assert name in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_webhook_keys_are_several_secrets() -> None:
    settings = load_settings({"RETELL_WEBHOOK_KEYS": f"{KEY}, key_of_tomorrow_1234"})
    assert settings.retell_webhook_keys == (SecretStr(KEY), SecretStr("key_of_tomorrow_1234"))
    assert settings.masked()["retell_webhook_keys"] == ["***7f60", "***1234"]
    for printed in (repr(settings), str(settings.masked())):
        assert KEY not in printed
        assert "tomorrow" not in printed


def test_a_long_secret_shows_its_last_four_characters() -> None:
    assert load_settings({"RETELL_API_KEY": KEY}).masked()["retell_api_key"] == "***7f60"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CALL_POLLING_INTERVAL", 0.25), ("RETRY_DELAY_MINUTES", 0.05), ("RETELL_CALLS_PER_SECOND", 2.5)],
)
def test_fractions_are_accepted(name: str, value: float) -> None:
    assert getattr(load_settings({name: str(value)}), name.lower()) == value


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"MAX_TRIES": "", "MONGO_URI": "", "COUNTRY": ""}) == Settings()


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_TRIES=5\nWORKER_COUNT=4\n")
    settings = load_settings({"MAX_TRIES": "7"}, env_file=tmp_path / ".env")
    assert (settings.max_tries, settings.worker_count) == (7, 4)


@pytest.mark.parametrize("separator", [",", ", ", ";", " "])
def test_several_caller_numbers_are_split(separator: str) -> None:
    given = separator.join(["+56223456789", "+5491122334455"])
    assert load_settings({"RETELL_FROM_NUMBER": given}).retell_from_number == ("+56223456789", "+5491122334455")


@pytest.mark.parametrize(
    ("url", "production"),
    [
        ("https://api.retellai.com", True),
        ("https://API.RetellAI.com/v2/", True),
        ("https://retellai.com", True),
        ("https://api.retellai.com.", True),
        ("http://127.0.0.1:8080", False),
        ("https://retellai.com.example.org", False),
    ],
)
def test_production_is_known_by_its_host(url: str, production: bool) -> None:
    assert load_settings({"RETELL_BASE_URL": url}).retell_is_production is production


def test_the_note_of_running_embedded_servers_fills_what_is_not_set(tmp_path: Path) -> None:
    note = {"mongo_uri": "mongodb://127.0.0.1:1/", "redis_url": "redis://127.0.0.1:2/0", "pids": {"mongo": 3}}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / EMBEDDED_NOTE).write_text(json.dumps(note))
    settings = load_settings({"DATA_DIR": str(tmp_path / "data")})
    assert (settings.mongo_uri, settings.redis_url) == (note["mongo_uri"], note["redis_url"])
    given = load_settings({"DATA_DIR": str(tmp_path / "data"), "MONGO_URI": "mongodb://db.example/"})
    assert (given.mongo_uri, given.redis_url) == ("mongodb://db.example/", note["redis_url"])


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"mongo_uri": null}'])
def test_a_note_that_cannot_be_read_is_no_note(tmp_path: Path, content: str) -> None:
    (tmp_path / EMBEDDED_NOTE).write_text(content)
    assert load_settings({"DATA_DIR": str(tmp_path)}).mongo_uri is None
