"""SOAP (Vyas et al. 2024): Adam in coordinates in which a layer's gradients are nearly uncorrelated.

For weights W with gradient G, every mode (outputs, positions, inputs) has a covariance of G's slices along it, averaged
over the past, and its eigenvectors Q. Adam runs on G rotated by the Qs, and its step is rotated back:

    G' = G x1 Q1' x2 Q2' x3 Q3'      W <- W - lr * Adam(G') x1 Q1 x2 Q2 x3 Q3

The Qs are initialised from the first gradient, which does not change the weights, and updated every `refresh` steps by
a step of orthogonal iteration. In these coordinates, directions in which the loss is flat get large steps; in the
original ones, steep directions that involve the same weights would keep those steps small.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

MEMORY = 0.95  # decay of a covariance at a refresh


class Soap(torch.optim.Optimizer):
    """Parameters of one dimension, and groups with `rotate=False`, use plain Adam.

    `upsampling` maps the weights of sub-pixel convolutions to their r. Rotations are computed in `dtype`.

    >>> layer = torch.nn.Linear(3, 2)
    >>> optimizer = Soap(layer.parameters(), lr=0.01)
    >>> layer(torch.ones(1, 3)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        refresh: int = 20,
        rotate: bool = True,
        upsampling: Mapping[Tensor, int] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "refresh": refresh, "rotate": rotate})
        self.upsampling = upsampling or {}
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group, self.state[parameter])

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        r = self.upsampling.get(parameter, 1)
        gradient = to_modes(gradient, r)
        rotated = group["rotate"] and gradient.ndim > 1
        if not state:
            state |= begin(gradient, rotated)
            if rotated:  # In its own bases this gradient is diagonal: no scale for the other entries.
                return
        state["step"] += 1
        step = int(state["step"])
        if rotated and step % group["refresh"] == 0:
            refresh(gradient, state)
        bases = [state[f"basis{mode}"].to(self.dtype) for mode in range(gradient.ndim * rotated)]
        g = rotate(gradient, bases)
        decay_mean, decay_square = group["betas"]
        mean, square = state["mean"], state["square"]
        mean.lerp_(g, 1 - decay_mean)
        square.mul_(decay_square).addcmul_(g, g, value=1 - decay_square)
        size = (square / (1 - decay_square**step)).sqrt_().add_(group["eps"])
        update = rotate(mean / size, [basis.T for basis in bases])
        parameter.sub_(from_modes(update, parameter, r), alpha=group["lr"] / (1 - decay_mean**step))


def begin(gradient: Tensor, rotated: bool) -> dict[str, Any]:
    """The state of a parameter before its first step."""
    state = {"step": torch.zeros(()), "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
    for mode in range(gradient.ndim * rotated):
        spread = covariance(gradient, mode)
        largest_first = torch.linalg.eigh(spread).eigenvectors.flip(1).contiguous()
        state |= {f"covariance{mode}": spread, f"basis{mode}": largest_first}
    return state


def refresh(gradient: Tensor, state: dict[str, Any]) -> None:
    """Update the bases, and transform Adam's averages to the new ones."""
    turns = []
    for mode in range(gradient.ndim):
        spread = state[f"covariance{mode}"].lerp_(covariance(gradient, mode), 1 - MEMORY)
        basis = state[f"basis{mode}"]
        image = spread @ basis
        largest_first = (basis * image).sum(0).argsort(descending=True)
        new = torch.linalg.qr(image[:, largest_first]).Q.contiguous()
        turns.append(basis.T @ new)
        state[f"basis{mode}"] = new
        # Averages of squares cannot be rotated; as each direction turns little, it keeps its own.
        state["square"] = state["square"].index_select(mode, largest_first)
    state["mean"] = rotate(state["mean"], turns)


def to_modes(weight: Tensor, r: int) -> Tensor:
    """A convolution's weights as outputs x positions x inputs; other tensors are returned unchanged.

    The r*r output pixels of a sub-pixel convolution count as positions.

    >>> to_modes(torch.zeros(8, 5, 3, 3), r=2).shape
    torch.Size([2, 36, 5])
    """
    if weight.ndim < 4:
        return weight
    outputs, inputs = weight.shape[:2]
    by_place = weight.permute(0, 2, 3, 1).reshape(r * r, outputs // r**2, -1, inputs)
    return by_place.transpose(0, 1).reshape(outputs // r**2, -1, inputs)


def from_modes(modes: Tensor, like: Tensor, r: int) -> Tensor:
    """The inverse of `to_modes`, for weights shaped `like` these."""
    if like.ndim < 4:
        return modes
    outputs, inputs, height, width = like.shape
    by_place = modes.reshape(outputs // r**2, r * r, -1, inputs).transpose(0, 1)
    return by_place.reshape(outputs, height, width, inputs).permute(0, 3, 1, 2)


def covariance(tensor: Tensor, mode: int) -> Tensor:
    rows = tensor.movedim(mode, 0).flatten(1)
    return rows @ rows.T


def rotate(tensor: Tensor, bases: Sequence[Tensor]) -> Tensor:
    """Multiply each mode by the transpose of its basis, in the bases' precision."""
    if not bases:
        return tensor
    dtype, tensor = tensor.dtype, tensor.to(bases[0].dtype)
    first, *middle, last = bases
    tensor = (first.T @ tensor.flatten(1)).view_as(tensor) @ last
    for basis in middle:
        tensor = basis.T @ tensor
    return tensor.to(dtype)
