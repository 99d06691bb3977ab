"""How numbers are packed into a page: deflated, and written as text that any HTML may hold."""

import base64
import json
import zlib
from typing import Any

import numpy as np

BLOCK = 256  # features whose V-information a browser unpacks together
MISSING = {np.uint8: 255, np.uint16: 65535}


def deflated(array: np.ndarray) -> bytes:
    """Return the bytes of an array, first axis first, as a browser's DecompressionStream("deflate") reads them.

    Parameters
    ----------
    array
        Of any shape.
    """
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return zlib.compress(np.ascontiguousarray(little).tobytes(), 9)


def levels(values: np.ndarray, span: tuple[float, float], *, kind: type[np.uint8] | type[np.uint16]) -> np.ndarray:
    """Return values as whole numbers: low as 0, high as the largest but one, which the last, what is missing, follows.

    Parameters
    ----------
    values
        Of any shape; below low counts as low, above high as high, and what is not finite as missing.
    span
        The lowest and the highest of them, low < high.
    kind
        Of the whole numbers.
    """
    last, (low, high) = MISSING[kind], span
    known = np.where(np.isfinite(values), values, low)
    scaled = np.round((np.clip(known, low, high) - low) / (high - low) * (last - 1))
    return np.where(np.isfinite(values), scaled, last).astype(kind)


def in_blocks(rows: np.ndarray) -> tuple[bytes, list[int]]:
    """Deflate numbers of features (rows × features, uint8) by blocks of features, each row less the one before.

    Parameters
    ----------
    rows
        Neighbouring ones are alike.

    Returns
    -------
    tuple
        All blocks, one after the other, and where each begins, with where the last ends.
    """
    steps = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))  # modulo 256
    blocks = [deflated(steps[:, begin : begin + BLOCK]) for begin in range(0, rows.shape[1], BLOCK)]
    return b"".join(blocks), np.cumsum([0, *map(len, blocks)]).tolist()


def as_text(data: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(data).decode()


def as_json(value: Any) -> str:
    """Return JSON that can stand in a <script>, whatever names it holds.

    Parameters
    ----------
    value
        What JSON can hold.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
