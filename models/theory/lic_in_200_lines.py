"""lic in 200 lines: a learned image codec from training to files, to be read from top to bottom.

    picture -> analysis -> y -> * gain -> round -> n -> range encoder -> bytes
    bytes -> range decoder -> n -> / gain -> synthesis -> picture

It learns from five photographs that come with scikit-image, then encodes a sixth at five rates and compares with JPEG.
The method is that of Balle, Laparra and Simoncelli, End-to-end optimized image compression (ICLR 2017).
Its tables are computed in floating point, so only a machine that rounds alike decodes its files; lic's are integers.
"""

import argparse
import glob
import io
from bisect import bisect_right

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor, nn
from torch.nn import functional as F

LAMBDAS = 0.001, 0.002, 0.005, 0.015, 0.05  # the price of one squared grey level of error, in bits per pixel
N, M = 64, 96  # channels between the layers; latents for each block of 16 x 16 pixels
STEPS, BATCH, CROP, RATE = 3000, 8, 64, 5e-4
KNOTS = 0.01 * torch.linspace(-9, 9, 61).sinh()  # of the densities: close together near zero, far apart in the tails
LIMIT, BITS = 127, 16  # the coder's symbols are -127..127; the frequencies in one of its tables add up to 2^16


class GDN(nn.Module):
    """Divisive normalisation: y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2). The inverse multiplies."""

    def __init__(self, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta_root = nn.Parameter(torch.ones(N))  # beta and gamma are squares, so never negative
        self.gamma_root = nn.Parameter((1e-3 * torch.eye(N) + 1e-5).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        pool = F.conv2d(x * x, self.gamma_root.square()[:, :, None, None], self.beta_root.square() + 1e-6)
        return x * (pool.sqrt() if self.inverse else pool.rsqrt())


def upsample(channels: int, out: int, r: int) -> nn.Sequential:
    """A sub-pixel convolution: r * r times the channels, which PixelShuffle rearranges to an r times finer grid."""
    return nn.Sequential(nn.Conv2d(channels, out * r * r, 3, padding=1), nn.PixelShuffle(r))


def cdf(log_heights: Tensor, y: Tensor) -> Tensor:
    """P(value < y), y being channels x values: the exact integral of densities that are linear between the knots."""
    widths, heights = KNOTS.diff(), log_heights.exp()
    below = F.pad(((heights[:, 1:] + heights[:, :-1]) / 2 * widths).cumsum(1), (1, 0))
    y = y.clamp(KNOTS[0], KNOTS[-1]).contiguous()
    i = torch.bucketize(y.detach(), KNOTS[1:-1])  # the segment that y lies in
    t, slope = y - KNOTS[i], (heights.diff(dim=1) / widths).gather(1, i)
    return (below.gather(1, i) + t * (heights.gather(1, i) + slope * t / 2)) / below[:, -1:]


class Codec(nn.Module):
    """Transforms, densities of the latents y, and a vector of gains for each lambda: one network for all rates."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = nn.Conv2d(3, N, 9, 4, 4), nn.Conv2d(N, N, 5, 2, 2), nn.Conv2d(N, M, 5, 2, 2)  # strides 4, 2, 2
        self.analysis = nn.Sequential(convolutions[0], GDN(), convolutions[1], GDN(), convolutions[2])
        self.synthesis = nn.Sequential(upsample(M, N, 2), GDN(True), upsample(N, N, 2), GDN(True), upsample(N, 3, 4))
        self.log_heights = nn.Parameter(torch.zeros(M, len(KNOTS)))
        # 1 / gain starts at sqrt(4e-4 / lambda): the step that minimises 3 log2(1 / step) + lambda 255^2 step^2 / 12.
        self.log_gain = nn.Parameter(torch.tensor(LAMBDAS).mul(2500).log()[:, None].repeat(1, M) / 2)

    def probability(self, n: Tensor, gain: Tensor) -> Tensor:
        """P(n): the density's integral over the y that are scaled and rounded to n (both channels x values)."""
        return (cdf(self.log_heights, (n + 0.5) / gain) - cdf(self.log_heights, (n - 0.5) / gain)).clamp(min=2**-BITS)

    def loss(self, x: Tensor, point: Tensor) -> Tensor:
        """Bits per pixel + lambda * squared error of pictures in 0..1, each at the lambda of number `point`.

        Rounding has no gradient, so the rate sees uniform noise instead: the density of y + noise equals, at integers,
        the probability of rounding to them. The error sees rounded latents, with the gradient of the identity.
        """
        scaled = self.analysis(x - 0.5) * (gain := self.log_gain[point].exp()[:, :, None, None])
        noisy = scaled + torch.rand_like(scaled) - 0.5
        n, gains = (v.transpose(0, 1).flatten(1) for v in (noisy, gain.expand_as(noisy)))
        bits = -self.probability(n, gains).log2().sum() / x[:, 0].numel()
        rounded = scaled + (scaled.round() - scaled).detach()
        error = (255 * (self.synthesis(rounded / gain) + 0.5 - x)).square().mean(dim=(1, 2, 3))
        return bits + (torch.tensor(LAMBDAS)[point] * error).mean()


@torch.no_grad()
def start(codec: Codec, pictures: Tensor) -> None:
    """Begin near the best linear codec: each layer takes the principal components of its blocks, its mirror returns."""
    y = pictures - 0.5
    layers = [module for module in codec.modules() if isinstance(module, nn.Conv2d)]
    for layer, mirror in zip(layers[:3], layers[:2:-1], strict=True):
        r, first = layer.stride[0], layer.kernel_size[0] // 2
        blocks = F.unfold(y, r, stride=r).transpose(1, 2).flatten(0, 1)
        basis = torch.linalg.svd(torch.cov(blocks.T))[0].T[: layer.out_channels]
        for parameter in (*layer.parameters(), *mirror.parameters()):
            parameter.mul_(0.02)  # weights beside the components begin near zero, but not all equal
        layer.weight[: len(basis), :, first : first + r, first : first + r] += basis.unflatten(1, (-1, r, r))
        mirror.weight[:, : len(basis), 1, 1] += basis.T
        y = layer(y)
    deviation = y.transpose(0, 1).flatten(1).std(dim=1, keepdim=True)
    codec.log_heights.copy_((-(2**0.5) * KNOTS.abs() / deviation).clamp(min=-20))


def train(photos: list[np.ndarray]) -> Codec:
    """Gradient descent on random crops of photographs (H x W x 3, uint8), each crop at another lambda."""
    pictures, codec = [torch.from_numpy(photo).permute(2, 0, 1) / 255 for photo in photos], Codec()
    start(codec, torch.stack([picture[:, :384, :384] for picture in pictures]))
    optimiser = torch.optim.Adam(codec.parameters(), lr=RATE)
    for step in range(1, STEPS + 1):
        crops = []
        for i in torch.randint(len(pictures), (BATCH,)).tolist():
            top, left = (int(torch.randint(side - CROP + 1, ())) for side in pictures[i].shape[1:])
            crops.append(pictures[i][:, top : top + CROP, left : left + CROP])
        optimiser.param_groups[0]["lr"] = RATE * min(1, 20 * step / STEPS, 2 - 2 * step / STEPS)
        loss = codec.loss(torch.stack(crops), torch.arange(BATCH) % len(LAMBDAS))
        loss.backward()
        nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        print(f"step {step} of {STEPS}, loss {loss:.3f}", end="\r" if step % 100 else "\n")
    return codec.requires_grad_(False)


def range_encode(symbols: list[int], tables: list[list[int]]) -> bytes:
    """Each symbol narrows the interval [low, low + width) to its part in its table of cumulative frequencies."""
    low, width, size = 0, 1 << 48, 2
    for symbol, table in zip(symbols, tables, strict=True):
        unit = width >> BITS
        low += unit * table[symbol]  # a Python integer has any length, so a carry needs no care
        width = unit * (table[symbol + 1] - table[symbol])
        while width < 1 << 32:
            low, width, size = low << 16, width << 16, size + 2
    return ((low + width - 1) >> 32).to_bytes(size, "big")  # with zeros behind it, a number in the last interval


def range_decode(code: bytes, tables: list[list[int]]) -> list[int]:
    value, width, position, symbols = int.from_bytes((code + bytes(4))[:6], "big"), 1 << 48, 6, []
    for table in tables:
        unit = width >> BITS
        symbols.append(symbol := bisect_right(table, min(value // unit, table[-1] - 1)) - 1)
        value -= unit * table[symbol]  # always the code minus the encoder's low
        width = unit * (table[symbol + 1] - table[symbol])
        while width < 1 << 32:
            digits = code[position : position + 2] or bytes(2)
            value, width, position = value << 16 | int.from_bytes(digits, "big"), width << 16, position + 2
    return symbols


def tables(codec: Codec, point: int) -> list[list[int]]:
    """For each channel the cumulative frequencies of its symbols, all of which are possible."""
    n = torch.arange(-LIMIT, LIMIT + 1.0).expand(M, -1)
    p = codec.probability(n, codec.log_gain[point].exp()[:, None].expand_as(n))
    counts = 1 + (p.double() * (2**BITS - 2 * n.shape[1])).long()
    counts[:, LIMIT] += 2**BITS - counts.sum(1)
    return F.pad(counts.cumsum(1), (1, 0)).tolist()


def encode(codec: Codec, picture: np.ndarray, point: int) -> bytes:
    """A file of a picture (H x W x 3, uint8): its height, width, the number of the lambda, and the latents."""
    height, width, _ = picture.shape
    x = F.pad(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255, (0, -width % 16, 0, -height % 16), "replicate")
    n = (codec.analysis(x - 0.5)[0] * codec.log_gain[point].exp()[:, None, None]).round().clamp(-LIMIT, LIMIT).long()
    code = range_encode((n + LIMIT).permute(1, 2, 0).flatten().tolist(), tables(codec, point) * n[0].numel())
    return height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([point]) + code


def decode(codec: Codec, file: bytes) -> np.ndarray:
    height, width, point = int.from_bytes(file[:2], "big"), int.from_bytes(file[2:4], "big"), file[4]
    rows, columns = -(-height // 16), -(-width // 16)
    n = torch.tensor(range_decode(file[5:], tables(codec, point) * (rows * columns))).view(rows, columns, M) - LIMIT
    x = codec.synthesis((n.permute(2, 0, 1) / codec.log_gain[point].exp()[:, None, None])[None])[0] + 0.5
    return (x[:, :height, :width] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def bpp_and_psnr(file: bytes, decoded: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    return 8 * len(file) / picture[..., 0].size, -10 * np.log10(np.square(decoded / 255 - picture / 255).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="of photographs to learn from, 384 x 384 or more; codes the last one")
    files = sorted(glob.glob(f"{parser.parse_args().folder}/*"))
    torch.manual_seed(0)
    samples = data.astronaut(), data.coffee(), data.rocket(), data.hubble_deep_field(), data.stereo_motorcycle()[0]
    *photos, picture = [np.array(Image.open(file).convert("RGB")) for file in files] or [*samples, data.chelsea()]
    codec, jpeg = train(photos), []
    for quality in range(5, 71):
        Image.fromarray(picture).save(file := io.BytesIO(), "jpeg", quality=quality, optimize=True)
        jpeg.append(bpp_and_psnr(file.getvalue(), np.asarray(Image.open(file)), picture))
    plot = np.full((13, 61), " ")  # rows for 36 to 24 dB, columns for 0 to 1.2 bits per pixel
    plot[[min(max(round(36 - psnr), 0), 12) for _, psnr in jpeg], [min(round(50 * bpp), 60) for bpp, _ in jpeg]] = "."
    for point in range(len(LAMBDAS)):
        bpp, psnr = bpp_and_psnr(code := encode(codec, picture, point), decode(codec, code), picture)
        print(f"{bpp:.3f} bits per pixel: {psnr:.2f} dB (o), JPEG {np.interp(bpp, *np.transpose(jpeg)):.2f} dB (.)")
        plot[min(max(round(36 - psnr), 0), 12), min(round(50 * bpp), 60)] = "o"
    print("\n".join(f"{36 - row} dB |{''.join(characters)}" for row, characters in enumerate(plot)))
