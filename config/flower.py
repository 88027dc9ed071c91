"""Flower's configuration: `celery -A tasks flower` reads this file because `tasks` names it in FLOWER_CONF.

Enters: the settings. Leaves: the names below that are options of Flower. It executes the file by its path, so nothing
here may be called like an option by accident (`logging`, for one).

The pages show every task and can revoke them, so there is always a password: FLOWER_BASIC_AUTH, else one that is made
once and kept in `<DATA_DIR>/flower-password`, readable by its owner only. `/metrics` and `/healthcheck` answer without
it whatever is set here (Flower 2.2), which is a second reason for the address 127.0.0.1.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from config.settings import Settings, get_settings

PASSWORD_FILE = "flower-password"
USER = "operator"


def _credentials(settings: Settings) -> str:
    if settings.flower_basic_auth is not None:
        return settings.flower_basic_auth.get_secret_value()
    return f"{USER}:{_kept_password(settings.data_dir)}"


def _kept_password(data_dir: Path) -> str:
    data_dir.mkdir(parents=True, exist_ok=True)
    kept, draft = data_dir / PASSWORD_FILE, data_dir / f"{PASSWORD_FILE}.{os.getpid()}"
    if not kept.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(15) + "\n")
        with suppress(FileExistsError):  # another process was first: its password counts
            os.link(draft, kept)
        draft.unlink()
    return kept.read_text().strip()


_settings = get_settings()

basic_auth = [_credentials(_settings)]
address = _settings.flower_address
port = _settings.flower_port

# What the tasks did survives a restart of Flower. It is written every 5 minutes as well as at the end, because a
# killed Flower writes nothing.
persistent = True
db = str((_settings.data_dir / "flower-tasks").absolute())
state_save_interval = 300_000
max_tasks = 20_000
purge_offline_workers = 3600

natural_time = True
# Arguments are ids only. No result column: results are not kept in the broker, MongoDB has them.
tasks_columns = "name,state,args,kwargs,received,started,runtime,retries,exception,worker,uuid"
