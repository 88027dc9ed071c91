"""The only place that imports pymongo: documents, indexes, conditional writes. MongoDB holds the truth.

Every function takes the `Store` first and `now` where it needs a clock. A write names the state that it expects and
says by its result whether it found it; nothing here retries a decision. Rules for both servers (a real MongoDB and the
embedded one) stand in docs/decisions/0003: claims by `update_one` and `modified_count`, an indexed equality at the top
of every filter, no `find_one_and_update`, no top-level `$or`.
"""
