"""V-information of every feature in a layer (Xu et al. 2020): what any family of probes measures."""

from dataclasses import dataclass

from jaxtyping import Float64
from torch import Tensor


@dataclass
class VInformation:
    """V-information of every feature in a layer.

    Attributes
    ----------
    value : Tensor
        1 − ΣSSE/ΣSST over the held-out folds (K); NaN marks a feature whose code is constant.
    sse, sst : Tensor
        Squared errors of probe and mean on each held-out fold (folds × K).
    penalty : Tensor or None
        The penalty chosen for each held-out fold (folds × K); of the linear family alone.
    """

    value: Float64[Tensor, " features"]
    sse: Float64[Tensor, "folds features"]
    sst: Float64[Tensor, "folds features"]
    penalty: Float64[Tensor, "folds features"] | None = None

    def arrays(self) -> dict[str, Tensor]:
        """Return the datasets that a shard of results has of every layer."""
        named = {"vinfo": self.value, "sse": self.sse, "sst": self.sst, "penalty": self.penalty}
        return {name: values for name, values in named.items() if values is not None}
