"""The pages that a reader opens: the answer, and the explorer of every feature."""
