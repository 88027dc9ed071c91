"""Configuration: the environment as frozen Settings, Celery, the beat schedule, the catalogue (TOML)."""
