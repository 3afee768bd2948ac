"""A hierarchy of latents.

Latents z are easier to code if a second, coarser layer s describes them first: P(s) P(z|s). A hyperprior does so, and
so does choosing one of several tables for a block of symbols. Sending a definite s costs -log2 P(s) P(z|s), which is
never less than -log2 P(z), P(z) = sum_s P(s) P(z|s). The difference is -log2 P(s|z): what z leaves open about s is
paid in vain by a code, which must name one s, while the ELBO refunds it with the entropy of q(s|z).
"""

import torch
from torch import Tensor


def two_level_bits(prior: Tensor, conditional: Tensor, z: Tensor) -> tuple[int, Tensor]:
    """The best s for a block of symbols z (integers, N), and the bits for sending s, then z.

    `prior` is P(s) of S values, `conditional` is P(z|s), S x K; given s the symbols of a block are independent.
    """
    costs = -prior.log2() - conditional[:, z].log2().sum(1)
    return int(costs.argmin()), costs.min()


def one_level_bits(prior: Tensor, conditional: Tensor, z: Tensor) -> Tensor:
    """-log2 P(z) of the block, with s summed out."""
    return -torch.logsumexp(prior.log() + conditional[:, z].log().sum(1), dim=0) / torch.tensor(2.0).log()
