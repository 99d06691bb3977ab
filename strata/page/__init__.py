"""Pages: what a run is read by."""

__all__ = []
