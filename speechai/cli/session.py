"""What a command works with: the settings, the servers, the context, and the way to send messages.

Enters the environment; leaves a `Context` for as long as the command needs it. Embedded servers are used or started
where no address is set, and a simulator that `speechai up` runs is found by the note that it leaves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from speechai.errors import Unavailable

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.operation.context import Context
    from speechai.operation.nudges import Nudge
    from speechai.retell.client import RetellClient

_ANSWER_SECONDS = 3.0


def load() -> Settings:
    """The settings of this command, and its logs at WARNING (LOG_LEVEL=DEBUG shows all). Raises SettingsError."""
    from config.settings import get_settings
    from speechai.logs import begin_work, configure_logs
    from speechai.retell.simulator_note import with_simulator

    settings = with_simulator(get_settings())
    quiet = (
        settings if settings.log_level in ("DEBUG", "ERROR") else settings.model_copy(update={"log_level": "WARNING"})
    )
    configure_logs(quiet)
    begin_work()
    return settings


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Context]:
    """The context of one command, with its servers running. MongoDB has answered once.

    Raises Unavailable where MongoDB cannot be reached, also later, while the command works with it.
    """
    from speechai.embedded import addresses_for
    from speechai.operation.context import Context
    from speechai.store.accounts import ensure_main
    from speechai.store.connection import get_store, reachable

    with addresses_for(settings or load()) as complete:
        publish(complete)
        context = Context(settings=complete, store=get_store(complete), retell=_retell(complete))
        context.store.ping()
        with reachable():
            ensure_main(context.store, now=context.clock())  # also where no worker has run yet
            yield context


def publish(settings: Settings) -> None:
    """Makes `settings` those of this process: `tasks` reads the environment when it is imported."""
    from config.settings import get_settings
    from speechai.embedded.processes import environ_for

    os.environ.update(environ_for(settings, {}))
    get_settings.cache_clear()


def send(nudges: Iterable[Nudge]) -> None:
    """Sends messages to the workers. Called inside `opened`, which has published the addresses."""
    from tasks.app import send as publish_messages

    publish_messages(nudges)


def require_redis(settings: Settings) -> None:
    """Raises Unavailable where the broker does not answer: asked before anything is stored."""
    import redis

    from config.settings import mask

    try:
        with redis.Redis.from_url(
            settings.redis_url or "", socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        address = mask("redis_url", settings.redis_url)
        raise Unavailable(f"Redis does not answer at {address}: is it running, is REDIS_URL right? ({error})") from None


def require_retell(context: Context) -> None:
    """Raises AccountRefused for a key that Retell does not accept, Unavailable where Retell does not answer.

    Asks nothing where no key is set here: only the workers' machine needs one.
    """
    from speechai.errors import RetellLater, RetellUnknown

    if context.settings.retell_api_key is None and context.settings.retell_is_production:
        return
    try:
        context.retell.whoami()
    except (RetellLater, RetellUnknown) as error:
        raise Unavailable(
            f"Retell does not answer at {context.settings.retell_base_url}: {error}. Is RETELL_BASE_URL right?"
        ) from None


def procfile() -> Path:
    """The Procfile of the working directory, else the one beside the package."""
    here = Path("Procfile")
    return here if here.is_file() else Path(__file__).parents[2] / "Procfile"


def _retell(settings: Settings) -> RetellClient:
    from speechai.operation.context import open_context

    if settings.retell_api_key is None and settings.retell_is_production:
        # Looking at batches and sending a list need no key; workers elsewhere may have it.
        return cast("RetellClient", None)
    return open_context(settings).retell
