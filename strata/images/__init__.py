"""Images: listed, split and dealt into shards, decoded once; files of all kinds, and images made here."""

__all__ = ["datasets", "decode", "digits", "folders", "index", "shapes", "sources", "superclasses", "tars"]
