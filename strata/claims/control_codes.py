"""Controls that put other codes in place of the features'."""

from pathlib import Path

import numpy as np

from strata import store
from strata.claims.controls import CONTROLS


def write_codes(control: str, codes: str | Path, *, seed: int, output: str | Path) -> None:
    """Write a control's codes in place of a shard's.

    Parameters
    ----------
    control
        Name of one of `strata.claims.controls`, which has codes of its own.
    codes
        The shard.
    seed
        Of what is random; every shard draws numbers of its own.
    output
        The shard that is written.
    """
    arrays, about = store.read(codes, kind="codes")
    rng = np.random.default_rng([seed, *about["images"].encode()])
    store.write(
        output,
        {"codes": store.Sparse(CONTROLS[control].other_codes(arrays["codes"], rng))},
        kind="codes",
        images=about["images"],
        features=f"{control} {about['features']}",
    )
