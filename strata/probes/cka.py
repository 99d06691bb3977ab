"""Linear CKA of every single feature with a layer, from moments."""

import torch
from jaxtyping import Float64
from torch import Tensor

from strata.probes.moments import Moments, is_constant


def linear_cka(moments: Moments) -> Float64[Tensor, " features"]:
    """Return the linear CKA of every single feature with the layer (K), NaN for constant codes (Kornblith 2019).

    ‖Xᵀz‖² / (‖XᵀX‖_F · zᵀz), everything centred.
    """
    n, x, z = moments.n.sum(), moments.x.sum(0), moments.z.sum(0)
    xx = moments.xx.sum(0) - torch.outer(x, x) / n
    xz = moments.xz.sum(0) - torch.outer(x, z) / n
    size = xx.norm() * (moments.zz.sum(0) - z.square() / n)
    cka = torch.where(size > 0, xz.square().sum(0) / size, 0.0).clamp(max=1)  # 1 but for rounding
    return torch.where(is_constant(moments), torch.nan, cka)
