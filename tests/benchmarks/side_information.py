"""Would a hyperprior save more than contexts do? Entropy models for the same symbols, trained alike.

python tests/benchmarks/side_information.py TRAIN VALID [--model photo] [--lambdas 0.004,0.064] [--steps 400]

The networks of a model stay as they are. For the symbols of crops at a lambda point, three entropy models are trained,
on the same crops, by as many steps of as many positions, and measured on crops of other pictures by code length:

    tables      one density for each channel
    hyperprior  the same with a scale for each symbol, from a second array of latents, whose bits count (Balle et al.
                2018: three layers each way, at a quarter of the resolution; it is also given four times the steps)
    contexts    a scale for each symbol from the symbols coded before it: models/magnitudes.py, as export fits them
"""

import argparse

import torch
from torch import Tensor, nn

from lic.codec.model.catalogue import find_model
from lic.codec.transform.torch_network import thaw
from lic.models.density import PiecewiseLinearDensity
from lic.models.magnitudes import POSITIONS_PER_STEP, Magnitudes
from lic.models.transforms import SubPixelConv
from lic.tools.fitting.latents import latent_chunks, second_look_chunks, square_crops, symbols_by_point

LARGEST = 63.0  # symbols are clamped for the hyperprior's eyes


class Hyperprior(nn.Module):
    """n -> hyper-analysis -> z -> noise or rounding -> hyper-synthesis -> the scale of each n. Returns all bits."""

    def __init__(self, channels: int, width: int = 96, latents: int = 48) -> None:
        super().__init__()
        down = nn.Conv2d(width, width, 5, 2, 2), nn.Conv2d(width, latents, 5, 2, 2)
        self.analysis = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1), nn.ReLU(), down[0], nn.ReLU(), down[1])
        up = SubPixelConv(latents, width, 3, 2), SubPixelConv(width, width, 3, 2)
        self.synthesis = nn.Sequential(up[0], nn.ReLU(), up[1], nn.ReLU(), nn.Conv2d(width, channels, 3, 1, 1))
        self.gain = nn.Parameter(torch.full((latents, 1, 1), 3.0))
        self.prior = PiecewiseLinearDensity(latents, deviation=2.0)  # of z, in steps
        self.density = PiecewiseLinearDensity(channels, deviation=2**0.5)  # of n, in units of its scale
        self.log_mean = nn.Parameter(torch.zeros(channels, 1, 1))  # the scale that the synthesis changes

    def forward(self, n: Tensor) -> Tensor:
        z = self.analysis(n.abs().clamp(max=LARGEST).add(1).log()) * self.gain
        z = z + torch.rand_like(z) - 0.5 if self.training else z.round()
        rows, columns = n.shape[2:]
        scale = (self.log_mean + self.synthesis(z)[..., :rows, :columns]).clamp(-7, 7).exp()
        bits = -self.density.probability((n - 0.5) / scale, (n + 0.5) / scale).log2().sum()
        return bits - self.prior.probability(z - 0.5, z + 0.5).log2().sum()


def train_hyperprior(symbols: Tensor, steps: int) -> Hyperprior:
    torch.manual_seed(0)
    model = Hyperprior(symbols.shape[1])
    model.log_mean.data.copy_(symbols.abs().mean((0, 2, 3)).clamp(min=1e-3).log()[:, None, None])
    densities = [model.density.log_heights, model.prior.log_heights, model.log_mean, model.gain]
    nets = [*model.analysis.parameters(), *model.synthesis.parameters()]
    optimizer = torch.optim.Adam([{"params": nets, "rate": 1e-3}, {"params": densities, "rate": 1e-2}], lr=0.0)
    batch = max(1, POSITIONS_PER_STEP // symbols[0, 0].numel())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * (1 - step / steps)
        optimizer.zero_grad()
        (model(symbols[torch.randint(len(symbols), (batch,))]) / symbols[0, 0].numel() / batch).backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def bits_of_tables(symbols: Tensor, valid: Tensor) -> float:
    density = PiecewiseLinearDensity(symbols.shape[1])
    noisy = symbols + torch.rand(symbols.shape, generator=torch.Generator().manual_seed(0)) - 0.5
    density.rescale(noisy)
    density.fit(noisy)
    return float(-density.probability(valid - 0.5, valid + 0.5).log2().sum())


def compare(symbols: Tensor, valid: Tensor, steps: int) -> dict[str, float]:
    """The bits of the held-out symbols by each entropy model."""
    contexts = Magnitudes(1, symbols.shape[1])
    contexts.fit(0, symbols, steps)
    hyperpriors = {f"hyperprior, {k * steps} steps": train_hyperprior(symbols, k * steps) for k in (1, 4)}
    point = torch.zeros(len(valid), dtype=torch.long)
    with torch.no_grad():
        by_contexts = float(contexts.bits(valid, contexts(valid, point), point).sum())
        by_hyperpriors = {name: float(model(valid)) for name, model in hyperpriors.items()}
    return {"tables": bits_of_tables(symbols, valid)} | by_hyperpriors | {"contexts": by_contexts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("valid")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--lambdas", default="0.004,0.064")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--crops", type=int, default=100)
    args = parser.parse_args()
    network = thaw(find_model(args.model).load())
    found = []
    for data, count in ((args.train, args.crops), (args.valid, max(1, args.crops // 4))):
        crops = square_crops([data], 320, count)
        first = latent_chunks(network, crops)
        second = second_look_chunks(network, crops, first) if network.shares.any() else None
        found.append([torch.from_numpy(n).float() for n in symbols_by_point(network, first, second)])
    pixels = found[1][0][:, 0].numel() * 16**2
    for lambda_ in map(float, args.lambdas.split(",")):
        k = min(range(len(network.lambdas)), key=lambda i: abs(network.lambdas[i] - lambda_))
        train, valid = found[0][k], found[1][k]
        used = int(train.abs().amax((0, 2, 3)).nonzero().max()) + 1
        bits = compare(train[:, :used], valid[:, :used], args.steps)
        for name, value in bits.items():
            saved = 100 * (1 - value / bits["tables"])
            print(f"lambda {network.lambdas[k]:g}  {name:24} {value / pixels:.4f} bits per pixel  {saved:5.1f} % saved")


if __name__ == "__main__":
    main()
