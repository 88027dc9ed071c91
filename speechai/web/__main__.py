"""`python -m speechai.web`: serves the application until SIGINT or SIGTERM; several may stand side by side."""

from __future__ import annotations

import signal
import sys

import uvicorn

from config.settings import SettingsError, get_settings
from speechai import metrics
from speechai.errors import SpeechAIError
from speechai.logs import configure_logs
from speechai.retell.simulator_note import with_simulator

MOST_CONNECTIONS = 500
"""Beyond them 503 at once: each may hold a body in memory."""
IDLE_SECONDS = 30
"""For which a connection that asks nothing is kept."""
GRACE_SECONDS = 5
"""For requests under way at the end; none takes longer than a second."""


def main() -> int:
    """Exit code 0 after SIGINT or SIGTERM, 2 for wrong settings, 1 where the address cannot be bound."""
    # uvicorn answers what is under way and then raises the signal anew for whoever would have taken it before: left to
    # the system, it would end a clean stop as a death, before anything behind the requests is closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = with_simulator(get_settings())
        configure_logs(settings)
        # Imported late: `tasks` reads the settings as it is imported, and a wrong one deserves its message.
        from speechai.web.app import create_app, open_outside
        from speechai.web.exposition import declare_known, exposed

        metrics.share_counts(settings.data_dir)
        declare_known()
        outside = open_outside(settings)
        app = create_app(outside)
    except (SettingsError, SpeechAIError) as error:
        print(f"Error: the web service does not start: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, SpeechAIError) else 2
    with exposed(outside):
        uvicorn.run(
            app,
            host=settings.web_address,
            port=settings.web_port,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
