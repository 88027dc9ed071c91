"""A Retell that runs on this machine: a real HTTP server of the same API, for tests, the demonstration and benchmarks.

    with running_simulator(SimulatorConfig(clock_factor=600)) as simulator:
        client = RetellClient(base_url=simulator.base_url, ...)

docs/simulator.md tells what it serves, how outcomes and faults are scripted, and which facts it only assumes.
"""

from __future__ import annotations

from speechai.retell.simulator.assumptions import Assumptions
from speechai.retell.simulator.config import (
    DEFAULT_AGENT_ID,
    DEFAULT_API_KEY,
    DEFAULT_FROM_NUMBER,
    Agent,
    Durations,
    Limits,
    PhoneNumber,
    SimulatorConfig,
)
from speechai.retell.simulator.faults import Fault, FaultKind
from speechai.retell.simulator.outcomes import OUTCOMES, Outcome, OutcomeScript
from speechai.retell.simulator.scenario import config_from_file, config_from_table
from speechai.retell.simulator.server import Simulator, run, running_simulator, serve_forever

__all__ = [
    "DEFAULT_AGENT_ID",
    "DEFAULT_API_KEY",
    "DEFAULT_FROM_NUMBER",
    "OUTCOMES",
    "Agent",
    "Assumptions",
    "Durations",
    "Fault",
    "FaultKind",
    "Limits",
    "Outcome",
    "OutcomeScript",
    "PhoneNumber",
    "Simulator",
    "SimulatorConfig",
    "config_from_file",
    "config_from_table",
    "run",
    "running_simulator",
    "serve_forever",
]
