"""Hard EM, and the hard ELBO.

Hard EM gives each observation to its most probable z alone. What it maximises is E_q ln p(z, y): the ELBO without the
entropy of q. The codec does the same, since a code must name one z.
"""

import torch
from torch import Tensor


def hard_e_step(log_joint: Tensor) -> Tensor:
    """q(z|y), K x N: one where ln p(z, y) (K x N) is largest, zero elsewhere."""
    return torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(log_joint.dtype)


def hard_elbo(log_joint: Tensor, q: Tensor) -> Tensor:
    """The hard ELBO of each of the N observations, for q(z|y), K x N."""
    return (q * log_joint).sum(0)
