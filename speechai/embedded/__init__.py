"""What a machine that has nothing needs: Redis and MongoDB on free local ports, and the Procfile's runner."""

from __future__ import annotations

from speechai.embedded.sharing import Addresses, addresses_for, embedded_servers, posts_of

__all__ = ["Addresses", "addresses_for", "embedded_servers", "posts_of"]
