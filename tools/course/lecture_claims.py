"""The lectures' claims about pictures, measured on pictures of one's own.

    python -m lic.tools.course.lecture_claims valid/

Prints a table for each claim. Most of them need only the trained codec; `blur` and
`collapse` first train four small networks each on scikit-image's photographs.
"""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lic.codec.entropy import chunks
from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.transform.engine import engine_of
from lic.models.constants import PEAK
from lic.models.distortion import mse, psnr
from lic.models.quantisation import quantise
from lic.models.theory.colourisation import colour_log_density, fit_segments
from lic.models.theory.conditional import luminance
from lic.models.theory.vae import Vae, active_units
from lic.tools.course.figure_context import SMALLEST, Context
from lic.tools.course.figures_bounds import UNITS
from lic.tools.course.figures_codec import differential_entropy, discrete_entropy, scaled_latents
from lic.tools.course.figures_latent import STRIPE, sample_of, sharpness
from lic.tools.evaluation.codecs import get_codec
from lic.tools.evaluation.versions import byte_limit, make_versions
from lic.tools.training.rate_distortion import RateDistortion
from lic.tools.training.variational import Variational

Rows = list[tuple[str, ...]]
MANY = 64  # channels of a VAE, more than pictures can use under much noise
CASE_STUDY_RATE = 0.113  # bits per pixel, of the lecture's pictures


def middle(picture: Tensor) -> Tensor:
    """The middle of a picture, 1 x 3 x 128 x 128 in 0..1."""
    top, left = ((side - SMALLEST) // 2 for side in picture.shape[1:])
    return picture[None, :, top : top + SMALLEST, left : left + SMALLEST].float() / PEAK


def with_samples(context: Context) -> Context:
    """The same with scikit-image's photographs, to train on."""
    return dataclasses.replace(context, data=())


def units(context: Context) -> Rows:
    """The differential entropy of brightness depends on the unit, the entropy of its 256 levels does not."""
    grey = torch.cat([luminance(picture[None].float()).flatten() for picture in context.pictures])
    h = differential_entropy(grey)
    rows = [(f"differential, in {name}", f"{h + np.log2(scale):+.2f}") for name, scale in UNITS]
    return [
        ("entropy of the brightness", "bits"),
        *rows,
        ("of the 256 levels", f"{discrete_entropy(grey.round()):.2f}"),
    ]


def compression(context: Context) -> Rows:
    """Stronger compression keeps the number of latents, and makes their distributions narrower."""
    rows: Rows = [("lambda", "bits per latent", "latents that are zero", "channels that are always zero")]
    for point in (0, len(context.network.lambdas) // 2, len(context.network.lambdas) - 1):
        symbols = quantise(scaled_latents(context, point), "dead-zone")
        bits = float(np.mean([discrete_entropy(row) for row in symbols]))
        silent = int((symbols == 0).all(dim=1).sum())
        zeros = float((symbols == 0).float().mean())
        rows.append((f"{context.network.lambdas[point]:g}", f"{bits:.3f}", f"{zeros:.1%}", f"{silent}"))
    return rows


def contexts(context: Context) -> Rows:
    """Tables chosen by contexts, against one table per channel: ideal bits of the same latents."""
    adaptive = context.frozen
    fixed = dataclasses.replace(adaptive, entropy=ChannelTables(adaptive.heights))
    rows: Rows = [("lambda", "one table per channel, bit/pixel", "contexts", "saved")]
    for k in (0, len(adaptive.lambdas) // 2, len(adaptive.lambdas) - 1):
        position = adaptive.position_of_lambda(adaptive.lambdas[k])
        point, rates = adaptive.at(position), np.zeros(2)
        for picture in context.pictures:
            pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
            symbols = np.concatenate([*engine_of(adaptive).encode(pixels, point)], axis=1)
            bits = [chunks.bits(symbols, model.at(position).coder).sum() for model in (fixed, adaptive)]
            rates += np.array(bits) / pixels[..., 0].size / len(context.pictures)
        rows.append(
            (f"{adaptive.lambdas[k]:g}", f"{rates[0]:.4f}", f"{rates[1]:.4f}", f"{1 - rates[1] / rates[0]:.1%}")
        )
    return rows


def case_study(context: Context) -> Rows:
    """JPEG, JPEG 2000 and the codec at the rate of the lecture's pictures, where all of them have so small a file."""
    chosen = [get_codec("jpeg"), get_codec("jpeg2000"), get_codec("lic", context.model)]
    versions = []
    for picture in context.pictures:
        pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
        limit = byte_limit(pixels, None, CASE_STUDY_RATE, None)
        if all(len(codec.encode(pixels, codec.grid[0])) <= limit for codec in chosen):
            versions.append(make_versions(pixels, chosen, limit))
    rows: Rows = [(f"codec, on {len(versions)} pictures", "bit/pixel", "PSNR luma, dB", "PSNR chroma, dB", "MS-SSIM")]
    for of_codec in zip(*versions, strict=True):
        scores = np.mean(
            [(v.bpp, v.scores.psnr_luma, v.scores.psnr_chroma, v.scores.ms_ssim) for v in of_codec], axis=0
        )
        rows.append((of_codec[0].label, f"{scores[0]:.3f}", f"{scores[1]:.2f}", f"{scores[2]:.2f}", f"{scores[3]:.4f}"))
    return rows


def colourisation(context: Context) -> Rows:
    """ln P(y|x) of colours between known stripes: more segments explain more, up to a point."""
    rows: Rows = [("segments", "ln P(y|x), nats per pixel", "pictures that half as many explain better")]
    before = np.full(len(context.pictures), -np.inf)
    for segments in (1, 2, 4, 8):
        nats = []
        for picture in (p.float() / PEAK for p in context.pictures):
            stripes = torch.arange(picture.shape[2]) // STRIPE % 2 == 1
            known = [both[:, :, :STRIPE] for both in picture.split(2 * STRIPE, dim=2)]
            mixture = fit_segments(known, segments, pixels=4000, generator=context.generator())
            nats.append(float(colour_log_density(mixture, picture)[:, stripes].mean()))
        worse = int((np.array(nats) < before).sum())
        rows.append((f"{segments}", f"{np.mean(nats):.2f}", f"{worse}" if segments > 1 else ""))
        before = np.array(nats)
    return rows


def blur(context: Context) -> Rows:
    """Sharpness of pictures decoded by VAEs with L2 and L1, beside models of a fixed trade-off trained on L2."""
    bench = with_samples(context).bench()
    gaussian, laplace = bench.train(Variational(48, 12)), bench.train(Variational(48, 12, noise="laplace"))
    channel = bench.train(Variational(48, 96, lambda_=0.02))
    codec = bench.train(RateDistortion((0.02,), 48, 96, proxy="noise"))
    crops = [middle(picture) for picture in context.pictures]
    generator, noise = context.generator(), context.generator()

    def row(name: str, decode: Callable[[Tensor], tuple[Tensor, Tensor]]) -> tuple[str, ...]:
        with torch.inference_mode():
            decoded = [decode(x) for x in crops]
        rate = np.mean([float(bits) / SMALLEST**2 for _, bits in decoded])
        sharp = np.mean([sharpness(y) / sharpness(x[0]) for x, (y, _) in zip(crops, decoded, strict=True)])
        decibels = np.mean([float(psnr(mse(y[None], x))) for x, (y, _) in zip(crops, decoded, strict=True)])
        return name, f"{rate:.2f}", f"{decibels:.2f}", f"{sharp:.0%}"

    def coded(x: Tensor) -> tuple[Tensor, Tensor]:
        reconstruction, bits = codec(x, torch.tensor([0]), "round")
        return reconstruction[0], bits

    def bits_of(vae: Vae, x: Tensor) -> Tensor:
        return vae(x).kl.sum() / np.log(2)

    return [
        ("trained for", "bit/pixel", "PSNR, dB", "sharpness, of the original's"),
        row("VAE, L2", lambda x: (gaussian.reconstruct(x)[0], bits_of(gaussian, x))),
        row("VAE, L2: samples of q", lambda x: (sample_of(gaussian, x, generator), bits_of(gaussian, x))),
        row("VAE, L1", lambda x: (laplace.reconstruct(x)[0], bits_of(laplace, x))),
        row("noisy channel, L2, lambda 0.02", lambda x: (sample_of(channel, x, noise), bits_of(channel, x))),
        row("noisy channel: mean of q", lambda x: (channel.reconstruct(x)[0], bits_of(channel, x))),
        row("rate-distortion, L2, lambda 0.02", coded),
    ]


def collapse(context: Context) -> Rows:
    """Channels of a VAE that collapse to the prior, the more of them the more noise there is around the picture."""
    rows: Rows = [("lambda", "free bits", f"channels in use, of {MANY}")]
    bench = dataclasses.replace(with_samples(context).bench(crop=32), steps=-(-context.steps // 4))
    crops = torch.cat([middle(picture) for picture in context.pictures])
    for lambda_, free_bits in ((0.005, 0.0), (0.0005, 0.0), (0.0001, 0.0), (0.0001, 0.1)):
        vae = bench.train(Variational(16, MANY, lambda_=lambda_, free_bits=free_bits))
        with torch.inference_mode():
            used = int(active_units(vae.encode(crops).mean).sum())
        rows.append((f"{lambda_:g}", f"{free_bits:g}", f"{used}"))
    return rows


CLAIMS: dict[str, Callable[[Context], Rows]] = {
    claim.__name__: claim for claim in (units, compression, contexts, case_study, colourisation, blur, collapse)
}


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table.

    >>> print(table([("a", "b"), ("1", "2")]))
    | a | b |
    | --- | ---: |
    | 1 | 2 |
    """
    line = partial("| {} |".format)
    head, *body = (line(" | ".join(row)) for row in rows)
    return "\n".join([head, line(" | ".join(["---", *["---:"] * (len(rows[0]) - 1)])), *body])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", nargs="+", help="pictures and folders")
    parser.add_argument("--only", nargs="+", choices=CLAIMS, default=list(CLAIMS), help="only these claims")
    parser.add_argument("--steps", type=int, default=800, help="of each training (800)")
    parser.add_argument("--model", help="codec model, by name or file")
    args = parser.parse_args()
    context = Context(tuple(args.data), args.model, args.steps, seed=0)
    for name in args.only:
        print(f"\n{(CLAIMS[name].__doc__ or '').strip()}\n\n{table(CLAIMS[name](context))}", flush=True)


if __name__ == "__main__":
    main()
