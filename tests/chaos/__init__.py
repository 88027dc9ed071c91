"""Chaos: real processes struck from a seed while they call, and an outside judge of the calls. See docs/chaos.md."""
