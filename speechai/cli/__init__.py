"""The operator's command: `python -m speechai`, or `speechai` where it is installed.

One module a group of commands. Importing them imports click and nothing heavier, so that `speechai --help` answers at
once: everything else (pandas, pymongo, celery, rich, the settings) is imported inside the command that needs it.
"""
