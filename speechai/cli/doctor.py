"""The checks behind `speechai doctor`: settings, MongoDB, Redis, workers, beat, Retell, disk and clock.

Enters the environment; leaves one line a check, with what to do where something is wrong. No check prints a secret, and
a check whose server is away is left out: the server's own line says so.
"""

from __future__ import annotations

from speechai.cli.findings import Check, wrong


def examine() -> list[Check]:
    """All checks, in the order in which one would mend things."""
    from config.settings import SettingsError
    from speechai.cli import doctor_retell, doctor_servers
    from speechai.cli.session import load, publish
    from speechai.embedded import addresses_for
    from speechai.errors import SpeechAIError

    found = doctor_servers.machine()
    try:
        settings = load()
    except SettingsError as error:
        return [*found, wrong("settings", str(error), "correct the variables in the environment or in .env")]
    found += [*doctor_servers.settings_checks(settings), *doctor_retell.retell_checks(settings)]
    try:
        with addresses_for(settings) as complete:
            publish(complete)
            return found + doctor_servers.server_checks(complete)
    except SpeechAIError as error:
        return [*found, wrong("embedded servers", str(error), "see the message")]
