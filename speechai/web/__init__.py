"""The web service: Retell's webhooks, health and readiness; the place for the REST API.

`python -m speechai.web` serves it. Nothing here decides: a request is checked, one operation is called, and its nudges
are published.
"""

from __future__ import annotations

from typing import Final

RETELL_WEBHOOKS: Final = "/webhooks/retell"
"""Path of the address that stands in WEBHOOK_URL. Here, because importing the route brings the framework."""
