"""Layer 3: what happens and is recorded. Each operation does its writes and returns the nudges that should follow.

Nothing here enqueues: `tasks` does, with what is returned. Every operation may be called twice with the same arguments.
"""
