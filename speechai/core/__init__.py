"""Layer 2: pure decisions. No I/O and no clock; `now` is an argument; the stores and the client stand above it."""
