"""Signals that a job gets before its time limit, or when it has to make room for others."""

import signal
from types import FrameType


class Postponed:
    """SIGUSR2 and SIGTERM, held back until it is safe to hand them on to whoever handled them before.

    Attributes
    ----------
    waiting
        Numbers of the signals that came.
    """

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGUSR2, signal.SIGTERM)}

    def hand_on(self) -> None:
        """Let the signals that came do what they would have done at once."""
        while self.waiting:
            number = signal.Signals(self.waiting.pop(0))
            handler = self._before[number]
            if callable(handler):
                handler(number, None)
            else:  # the system's own way
                signal.signal(number, handler)
                signal.raise_signal(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.waiting.append(number)
