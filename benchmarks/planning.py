"""A campaign of 100,000 people over 5 days, simulated on the pure core, against a bare loop over the same calls.

The plan asks the product's own rules about every call; the floor takes as many contacts from a heap, draws as many
outcomes and puts them back, and decides nothing. Three campaigns: the user's waves, all people on the default lines,
and all people on so many lines that everybody is called until the rules say stop.
"""

from __future__ import annotations

import gc
import heapq
import os
import random
import resource
import time
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from speechai.catalogue.odds import load_odds
from speechai.catalogue.policies import get_policy
from speechai.core.after_call import Delays
from speechai.core.model import Batch, BatchStatus, Job, JobStatus, Pacing
from speechai.core.planning import Lines, Plan, plan
from speechai.core.waves import most_attempts, planned_waves

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "100000"))
DAYS = 5
NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""Monday, 8:00 in Santiago."""
DELAYS = Delays(other=timedelta(minutes=30), no_answer=timedelta(minutes=60), later=timedelta(seconds=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    name: str
    pacing: Pacing
    concurrency: int
    starts_a_second: float


CAMPAIGNS = (
    Campaign(name="waves of 60 a day", pacing=Pacing.WAVES, concurrency=20, starts_a_second=1),
    Campaign(name="continuous, 20 lines", pacing=Pacing.CONTINUOUS, concurrency=20, starts_a_second=1),
    Campaign(name="continuous, 1,000 lines", pacing=Pacing.CONTINUOUS, concurrency=1_000, starts_a_second=50),
)


def main() -> None:
    # As `operation.planning` does: a simulation makes no cycles, and looking for them takes half of its time.
    gc.disable()
    try:
        measure()
    finally:
        gc.enable()


def measure() -> None:
    print(f"{PEOPLE:,} people, {DAYS} days")
    for campaign in CAMPAIGNS:
        made, seconds, processor = timed(campaign)
        bare = floor(PEOPLE, made.attempts)
        print(
            f"{campaign.name:24} {made.attempts:8,} calls  {seconds:5.1f} s  {processor:5.1f} s of processor  "
            f"floor {bare:5.2f} s  ratio {bare / processor:.2f}",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB, with all three lists")


def timed(campaign: Campaign) -> tuple[Plan, float, float]:
    """The plan, its seconds by the clock and by the processor. The list itself is made before."""
    policy, batch = get_policy("default"), batch_of(campaign)
    jobs = jobs_of(batch)
    started, used = time.perf_counter(), time.process_time()
    made = plan(
        policy,
        batch,
        jobs,
        people={},
        phones={},
        odds=load_odds(),
        lines=Lines(
            concurrency=campaign.concurrency,
            starts_a_second=campaign.starts_a_second,
            look_seconds=5,
            poll_seconds=15,
        ),
        delays=DELAYS,
        now=NOW,
        days=DAYS,
    )
    return made, time.perf_counter() - started, time.process_time() - used


def batch_of(campaign: Campaign) -> Batch:
    return Batch(
        id="b",
        account_id="main",
        name="list",
        use_case="debt_collection",
        pacing=campaign.pacing,
        policy="default",
        status=BatchStatus.RUNNING,
        time_zone="America/Santiago",
    )


def jobs_of(batch: Batch) -> list[Job]:
    """One in three with a second phone, one in twenty outside the zone of Santiago."""
    policy, in_waves = get_policy("default"), batch.pacing is Pacing.WAVES
    waves = planned_waves(policy, batch.site, NOW)
    elsewhere = ("America/Punta_Arenas", "Pacific/Easter")
    return [
        Job(
            id=f"b-{n}",
            batch_id=batch.id,
            account_id=batch.account_id,
            person_id=f"CL:{n}",
            use_case=batch.use_case,
            status=JobStatus.PENDING,
            nombre="Ana",
            to_number=f"+569{50_000_000 + n}",
            try_phones=(f"+562{20_000_000 + n}",) if n % 3 == 0 else (),
            max_attempts=most_attempts(3, policy) if in_waves else 3,
            position=n,
            next_attempt_at=next(waves) if in_waves else NOW,
            admitted=not in_waves,
            time_zone="America/Santiago" if n % 20 else elsewhere[n // 20 % 2],
        )
        for n in range(PEOPLE)
    ]


def floor(people: int, calls: int) -> float:
    """Seconds of processor for as many contacts in a heap and as many calls, with nothing decided."""
    used = time.process_time()
    chance, marks = random.Random(1), list(accumulate(one.weight for one in load_odds().chances))
    waiting = [(NOW, place) for place in range(people)]
    rest, counts = timedelta(hours=1), [0] * len(marks)
    for _ in range(calls):
        at, place = heapq.heappop(waiting)
        counts[bisect_right(marks, chance.random() * marks[-1])] += 1
        heapq.heappush(waiting, (at + rest, place))
    return time.process_time() - used


if __name__ == "__main__":
    main()
