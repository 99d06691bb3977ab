"""Images: listed, split and dealt into shards, decoded once; files of all kinds, and images made here of known factors."""

__all__ = ["datasets", "decode", "digits", "folders", "index", "shapes", "sources", "superclasses", "tars"]
