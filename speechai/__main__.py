"""`python -m speechai`: the operator's command."""

from __future__ import annotations

from speechai.cli.main import run

if __name__ == "__main__":
    run()
