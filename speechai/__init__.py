"""SpeechAI: automated voice calls in campaigns, each contact called once per attempt and none lost."""

__version__ = "0.1.0"
