"""`python -m tests.chaos`: one run from a seed, its table, and exit code 1 where anything is not zero."""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from .keeping import read
from .run import Plan, run
from .schedule import Kind
from .table import table_of


def main() -> int:
    """Exit code 0 where every law held, 1 where not, 2 for wrong options."""
    asked = _options().parse_args()
    # Whatever ends this process ends those that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if asked.judge is not None:
        return _judge(asked.judge)
    seed = asked.seed if asked.seed is not None else int(datetime.now(UTC).timestamp())
    folder = asked.keep or Path(".data") / "chaos" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{seed}"
    kinds = tuple(Kind(kind) for kind in asked.only) or tuple(Kind)
    print(
        f"seed {seed}: {asked.kills} strikes of each of {len(kinds)} kinds, {asked.calls} calls; evidence in {folder}"
    )
    plan = Plan(
        folder=folder.absolute(), seed=seed, calls=asked.calls, each=asked.kills, kinds=kinds, losses=asked.losses
    )
    run(plan)
    code = _judge(folder)
    if code:
        again = ["--seed", str(seed), "--calls", str(asked.calls), "--kills", str(asked.kills)]
        again += ["--losses", str(asked.losses)]
        again += [part for kind in asked.only for part in ("--only", kind)]
        print(
            f"seed {seed} failed. The same strikes and faults again: make chaos ARGS={shlex.quote(shlex.join(again))}"
        )
        print(f"Judge the same evidence again: make chaos ARGS='--judge {folder}'")
    elif asked.keep is None:
        shutil.rmtree(folder)
    return code


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of lists, faults and strikes; drawn where left away")
    parser.add_argument("--calls", type=int, default=1_000, help="at least so many calls")
    parser.add_argument("--kills", type=int, default=50, help="strikes of each kind")
    parser.add_argument("--losses", type=int, default=2, help="of MongoDB, in turn with the host, each restored")
    parser.add_argument("--only", choices=[kind.value for kind in Kind], action="append", default=[], help="repeatable")
    parser.add_argument("--keep", type=Path, help="folder for the evidence, kept in any case")
    parser.add_argument("--judge", type=Path, help="judge the evidence of an earlier run, and do nothing else")
    return parser


def _judge(folder: Path) -> int:
    evidence, facts = read(folder)
    lines, is_clean = table_of(evidence, facts, folder / "logs")
    print("\n".join(lines))
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
