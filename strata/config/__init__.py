"""The configuration: every key stated once, checked before anything runs, and what is generated from it."""

__all__ = ["check", "generate", "keys", "words"]
