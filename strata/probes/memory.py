"""Whether what a probe holds fits the memory that it may take (`probes.memory_mb`)."""

from math import ceil

from strata.errors import StrataError


def check_memory(needed: int | float, *, memory_mb: int | float, layer: str) -> None:
    """Refuse a memory in which a layer cannot be measured.

    Parameters
    ----------
    needed
        Bytes that it takes at least.
    memory_mb
        The memory.
    layer
        What is measured, in words.

    Raises
    ------
    StrataError
        If it is too little; says what is enough.
    """
    enough = ceil(needed / 2**20)
    if enough > memory_mb:
        raise StrataError(
            f"config key probes.memory_mb: {memory_mb} is too little for a layer of {layer}; at least {enough}"
        )
