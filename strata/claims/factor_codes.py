"""The true factors of images that are made here, as codes; and spoilt, as codes of which the right answers are known.

A calibration code c is the indicator of one value of a factor, spoilt by chance that knows nothing of the image but c:
noise is added; it is rectified; it is rescaled; it is made rare. Whatever a layer x tells of such a code t, it tells
through c, so that E[t|x] is affine in E[c|x], and

    I_V(x → t) = share · I_V(x → c),    share = Var(E[t|c]) / Var(t),

in every layer alike. What is known of t then follows from what is measured of c: its ceiling is share · ceiling, its
complexity 1 − share · (1 − K), and its relative complexity that of c. All of this is of the whole population; what
estimates from few images do besides is what calibration shows.

Rare codes are *thinned*: where c fires, t does so too, or not, at random, with the probability that gives the rate.
That is rarity which no network can see: it takes from the share, known as (1 − p) q / (1 − p q) for an indicator that
fires in a share p of the images, kept with probability q. For a rate above p it is the union of the factor's other
values that is thinned, whose indicator 1 − c has just the V-information of c. So the rates 0.5 and 0.1 have the same
share, 1/3, and only rarity between them.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from strata import store
from strata.images.shapes import COUNTS, VALUES

SHARES = (1.0, 0.8, 0.5, 0.2)  # of a noisy code's variance, the signal's; the first is the clean code
RATES = (0.5, 0.1, 0.02, 0.005)  # that codes are thinned to
SCALES = (1e3, 1e-3)  # that the code half of which is noise is multiplied with
_VALUE = 1  # of every factor, which the codes are about: green, stripes, square


class Column(NamedTuple):
    """What one calibration code is.

    Attributes
    ----------
    factor, value : str
        That it is the spoilt indicator of.
    kind : str
        noise, rarity, rectified or rescaled.
    level : float
        By how much: share of signal before rectifying, firing rate, or scale.
    share : float
        Of its variance, that of the clean indicator; the noise's is the rest.
    rate : float
        Share of the images in which it is expected above zero.
    """

    factor: str
    value: str
    kind: str
    level: float
    share: float
    rate: float


def write_codes(images: str | Path, output: str | Path) -> None:
    """Write the true factors of a shard's images as codes: for every value of every factor, 1 where it is the image's.

    They stand for features that need no network to find, in the order of the factors and of their values.

    Parameters
    ----------
    images
        The shard of images.
    output
        The shard that is written.
    """
    with store.Shard(images, kind="images") as shard:
        factors, about = shard.read("factors"), shard.attributes
    names = [f"{factor} {value}" for factor, values in about["factors"].items() for value in values]
    indicators = [
        np.eye(len(values), dtype=np.float32)[own]
        for own, values in zip(factors.T, about["factors"].values(), strict=True)
    ]
    store.write(
        output,
        {"codes": np.concatenate(indicators, axis=1)},
        kind="codes",
        images=about["images"],
        features=f"truth {store.digest(names)}",
    )


def write_calibration(images: str | Path, output: str | Path) -> None:
    """Write the calibration codes of a shard's images (see `calibration`); its attribute `columns` tells what each is.

    Chance follows from the images alone.

    Parameters
    ----------
    images
        The shard of images.
    output
        The shard that is written.
    """
    with store.Shard(images, kind="images") as shard:
        factors, about = shard.read("factors"), shard.attributes
    told = [column._asdict() for column in columns()]
    store.write(
        output,
        {"codes": calibration(factors, np.random.default_rng([*about["images"].encode()]))},
        kind="codes",
        images=about["images"],
        features=f"calibration {store.digest([str(column) for column in told])}",
        columns=told,
    )


def columns() -> list[Column]:
    """Return what each calibration code is, in their order: factor by factor, the clean one of each first."""
    found = []
    for (factor, values), count in zip(VALUES.items(), COUNTS, strict=True):
        p = 1 / count
        kinds = [
            *(("noise", share, share, _rate_of_noisy(p, share)) for share in SHARES),
            *(("rarity", rate, _share_of_thinned(p, rate), rate) for rate in RATES),
            *(("rectified", share, _share_of_rectified(p, share), _rate_of_noisy(p, share)) for share in SHARES[1:]),
            *(("rescaled", scale, 0.5, _rate_of_noisy(p, 0.5)) for scale in SCALES),
        ]
        found += [Column(factor, values[_VALUE], *kind) for kind in kinds]
    return found


def calibration(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the calibration codes (images × columns, see `columns`).

    Rectified and rescaled codes have the noise of those that they are made from.

    Parameters
    ----------
    factors
        Number of every factor's value, images × factors.
    rng
        What is drawn from.
    """
    made: list[np.ndarray] = []
    for own, count in zip(factors.T, COUNTS, strict=True):
        p, fires = 1 / count, own == _VALUE
        noisy = {share: fires + _deviation(p, share) * rng.normal(size=len(fires)) for share in SHARES}
        made += noisy.values()
        made += [_thinned(fires, p, rate=rate, rng=rng) for rate in RATES]
        made += [np.maximum(noisy[share], 0) for share in SHARES[1:]]
        made += [scale * noisy[0.5] for scale in SCALES]
    return np.stack(made, axis=1).astype(np.float32)


def _deviation(p: float, share: float) -> float:
    """Return the standard deviation of noise that leaves the signal, an indicator that fires in p, such a share."""
    return float(np.sqrt(p * (1 - p) * (1 - share) / share))


def _rate_of_noisy(p: float, share: float) -> float:
    if share == 1:
        return p
    return float(p * norm.cdf(1 / _deviation(p, share)) + (1 - p) / 2)


def _share_of_rectified(p: float, share: float) -> float:
    """Return the share of signal in max(c + noise, 0), from the moments of rectified normal variables of mean 0, 1."""
    s = _deviation(p, share)
    inside, edge = norm.cdf(1 / s), norm.pdf(1 / s)
    off, on = s * norm.pdf(0), inside + s * edge  # means where c is 0 and 1
    spread = p * ((1 + s * s) * inside + s * edge - on**2) + (1 - p) * (s * s / 2 - off**2)
    signal = p * (1 - p) * (on - off) ** 2
    return float(signal / (signal + spread))


def _share_of_thinned(p: float, rate: float) -> float:
    p = p if rate <= p else 1 - p
    return (1 - p) * (rate / p) / (1 - rate)


def _thinned(fires: np.ndarray, p: float, *, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Return where an indicator that fires in p, or else its complement, is kept, so that it fires in `rate`."""
    fires, p = (fires, p) if rate <= p else (~fires, 1 - p)
    return fires & (rng.random(len(fires)) < rate / p)
