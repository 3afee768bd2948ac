"""SOAP (Vyas et al. 2024): Adam in coordinates in which a layer's gradients are nearly uncorrelated.

For weights W with gradient G, every mode (outputs, positions, inputs) has a covariance of G's slices along it, averaged
over the past, and its eigenvectors Q. Adam runs on G rotated by the Qs, and its step is rotated back:

    G' = G x1 Q1' x2 Q2' x3 Q3'      W <- W - lr * Adam(G') x1 Q1 x2 Q2 x3 Q3

The Qs are the eigenvectors of the covariances of the first gradients, which do not change the weights. Later they are
updated every few steps by a step of orthogonal iteration, Q <- orthonormal basis of (covariance Q). In these
coordinates, directions in which the loss is flat get large steps; in the original ones, steep directions that involve
the same weights would keep those steps small.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

MEMORY = 0.9  # decay of a covariance at an update
ParameterState = dict[str, Tensor]


class Soap(torch.optim.Optimizer):
    """Parameters of one dimension, and groups with `rotate=False`, use plain Adam.

    The covariances of the `first` gradients give the bases, which are updated every `refresh` steps. `upsampling` maps
    the weights of sub-pixel convolutions to their r. Rotations are computed in `dtype`.

    >>> layer = torch.nn.Linear(3, 2)
    >>> optimizer = Soap(layer.parameters(), lr=0.01)
    >>> for _ in range(100):
    ...     layer.zero_grad()
    ...     layer(torch.ones(1, 3)).square().sum().backward()
    ...     optimizer.step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        rotate: bool = True,
        first: int = 16,
        refresh: int = 50,
        betas: tuple[float, float] = (0.95, 0.99),
        adam_betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-13,  # far below the smallest gradients, which are those of contexts
        upsampling: Mapping[Tensor, int] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "rotate": rotate})
        self.betas, self.adam_betas, self.eps = betas, adam_betas, eps
        self.first, self.refresh = first, refresh
        self.upsampling = upsampling or {}
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move the parameters that have a gradient, and now and then let their bases follow the gradients."""
        turning = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if not self._rotates(group, parameter):
                    parameter.sub_(self._update(parameter.grad, self.state[parameter], (), group["lr"]))
                    continue
                gradient, state = self._gradient(parameter), self.state[parameter]
                if "basis0" not in state:
                    begin(gradient, state, self.first)
                    continue
                bases = [state[f"basis{mode}"].to(self.dtype) for mode in range(gradient.ndim)]
                update = self._update(gradient, state, bases, group["lr"])
                parameter.sub_(from_modes(update, parameter, self.upsampling.get(parameter, 1)))
                if state["step"] % self.refresh == 0:
                    for mode in range(gradient.ndim):
                        state[f"covariance{mode}"].lerp_(covariance(gradient, mode), 1 - MEMORY)
                    turning.append(state)
        refresh(turning)

    def _update(self, gradient: Tensor, state: ParameterState, bases: Sequence[Tensor], rate: float) -> Tensor:
        """Adam's step in the coordinates of the bases, in the original ones."""
        if "step" not in state:
            state["step"] = torch.zeros(())
            state |= {"mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
        decay_mean, decay_square = self.betas if bases else self.adam_betas
        state["step"] += 1
        step = float(state["step"])
        gradient = rotate(gradient, bases)
        mean = state["mean"].lerp_(gradient, 1 - decay_mean)
        square = state["square"].lerp_(gradient * gradient, 1 - decay_square)
        # The averages began at zero: dividing by 1 - decay^step makes up for it.
        size = (square / (1 - decay_square**step)).sqrt_().add_(self.eps)
        return rotate(mean / size, [basis.T for basis in bases]) * (rate / (1 - decay_mean**step))

    def _rotates(self, group: dict[str, Any], parameter: Tensor) -> bool:
        return bool(group["rotate"]) and parameter.ndim > 1

    def _gradient(self, parameter: Tensor) -> Tensor:
        assert parameter.grad is not None
        return to_modes(parameter.grad, self.upsampling.get(parameter, 1))


def begin(gradient: Tensor, state: ParameterState, first: int) -> None:
    """Let one more of the `first` gradients contribute to the first bases."""
    seen = int(state.get("seen", 0)) + 1
    state["seen"] = torch.tensor(float(seen), device=gradient.device)
    for mode in range(gradient.ndim):
        spread = covariance(gradient, mode)
        state[f"covariance{mode}"] = state.get(f"covariance{mode}", torch.zeros_like(spread)).lerp(spread, 1 / seen)
        if seen == first:
            eigenvectors = torch.linalg.eigh(state[f"covariance{mode}"].double()).eigenvectors
            state[f"basis{mode}"] = eigenvectors.flip(1).to(gradient.dtype).contiguous()  # largest first


def refresh(states: Sequence[ParameterState]) -> None:
    """Update the bases of parameters, those of one size together, and transform Adam's averages to the new ones."""
    turns: dict[tuple[int, int], Tensor] = {}  # by number of state and mode
    by_size: dict[int, list[tuple[int, int]]] = {}
    for i, state in enumerate(states):
        for mode, size in enumerate(state["mean"].shape):
            by_size.setdefault(size, []).append((i, mode))
    for members in by_size.values():
        spread, old = (
            torch.stack([states[i][f"{name}{mode}"] for i, mode in members]).double()
            for name in ("covariance", "basis")
        )
        new, order = iterate(spread, old)
        for k, (i, mode) in enumerate(members):
            turns[i, mode] = (old[k].T @ new[k]).to(states[i]["mean"].dtype)
            states[i][f"basis{mode}"].copy_(new[k])
            # Averages of squares cannot be rotated; as each direction turns little, it keeps its own.
            states[i]["square"].copy_(states[i]["square"].index_select(mode, order[k]))
    for i, state in enumerate(states):
        state["mean"].copy_(rotate(state["mean"], [turns[i, mode] for mode in range(state["mean"].ndim)]))


def iterate(spread: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """A step of orthogonal iteration for each of B covariances and bases (B x n x n): the new basis, in which the
    directions are sorted by variance, and which old direction each of the new ones continues.

    Orthonormal columns come from two rounds of Cholesky QR, X = Q R with R'R = X'X, which takes only matrix products
    and triangular systems, for all bases of a size at once. Where rounding errors prevent it, the old basis stays.
    """
    # A small multiple of the identity keeps the product invertible for gradients of low rank.
    ridge = spread.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * 1e-6
    image = spread @ old + ridge * old
    # q' C q is the variance along a direction q.
    order = (old * image).sum(1).argsort(dim=1, descending=True)
    new = image.gather(2, order[:, None, :].expand_as(image))
    good = torch.ones(len(new), dtype=torch.bool, device=new.device)
    for _ in range(2):
        new = new / new.norm(dim=1, keepdim=True).clamp(min=1e-300)
        factor, info = torch.linalg.cholesky_ex(new.mT @ new)
        good &= info == 0
        new = torch.linalg.solve_triangular(factor.mT, new, upper=True, left=False)
    good &= new.isfinite().flatten(1).all(1)
    same = torch.arange(new.shape[1], device=new.device).expand_as(order)
    return torch.where(good[:, None, None], new, old), torch.where(good[:, None], order, same)


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
