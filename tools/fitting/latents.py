"""The latents of training pictures, that contexts are fitted to."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.picture.pixels import Pixels
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.quantisation import quantise
from lic.models.second_look import blend
from lic.tools.progress_bar import progress
from lic.tools.training.pictures import find_files, read_pictures

CHUNKS = 400  # training pictures that the contexts are fitted on, if no other number is given
CHUNK_SIDE = 320
STEPS_PER_CROP = 4  # of learning contexts, at most: more of them would learn few crops by heart


def square_crops(data: Sequence[str], crop: int, count: int = CHUNKS, longest: int = CHUNK_SIDE) -> Tensor:
    """Square crops (uint8, count x 3 x side x side), each from a different picture below `data`.

    Their side is `longest`, so that few latents lie at an edge, or less if no picture is that large.
    """
    rng = np.random.default_rng(0)
    files = find_files(data)
    pictures = read_pictures([files[i] for i in rng.permutation(len(files))], data, crop, quiet=True)
    some = list(islice(pictures, 2 * count))
    side = min(longest, max(min(picture.shape[1:]) for picture in some)) // DOWNSAMPLING * DOWNSAMPLING
    crops: list[Tensor] = []
    for picture in some:
        if min(picture.shape[1:]) < side:
            continue
        top, left = (int(rng.integers(extent - side + 1)) for extent in picture.shape[1:])
        crops.append(picture[:, top : top + side, left : left + side])
        if len(crops) == count:
            break
    return torch.stack(crops)


def pixels_of(crop: Tensor) -> Pixels:
    """A crop as the codec takes pictures: height x width x 3."""
    return np.ascontiguousarray(crop.permute(1, 2, 0).numpy())


@torch.inference_mode()
def latent_chunks(network: RateDistortionAutoencoder, crops: Tensor) -> NDArray[np.float32]:
    """The latents (chunks x channels x rows x columns) of crops."""
    latents = [network.analysis(x[None].float() / PEAK) for x in progress(crops, "analysis of a picture")]
    return torch.cat(latents).numpy()


@torch.inference_mode()
def second_look_chunks(
    network: RateDistortionAutoencoder, crops: Tensor, first: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The latents of a second look at the crops, given the `first` ones."""
    pairs = [*zip(crops, torch.from_numpy(first), strict=True)]
    looks = progress(pairs, "second look at a picture")
    return torch.cat([network.second_look(x[None].float() / PEAK, y[None]) for x, y in looks]).numpy()


def sort_latents(network: RateDistortionAutoencoder, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Order a network's latent channels (and the given latents) by magnitude.

    Contexts that were learned in training belong to the order that they were learned for, which stays.
    """
    if network.magnitudes is not None:
        return latents
    order = network.order_by_size(torch.from_numpy(latents))
    network.permute_latents(order)
    return latents[:, order.numpy()]


@torch.inference_mode()
def symbols_by_point(
    network: RateDistortionAutoencoder, first: NDArray[np.float32], second: NDArray[np.float32] | None
) -> Iterator[NDArray[np.int32]]:
    """The symbols (crops x channels x rows x columns) at each lambda point, from latents of both looks."""
    for k, share in enumerate(network.shares.tolist()):
        y = torch.from_numpy(first if second is None else blend(first, second, np.float32(share)))
        scaled, _ = network.code(y, torch.full((len(y),), k), "dead-zone")
        yield quantise(scaled, "dead-zone").int().numpy()
