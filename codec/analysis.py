"""For experiments: the latents and symbols of pictures and files, and the network as a torch module."""

import dataclasses
import os
from typing import TYPE_CHECKING

import numpy as np

from lic.codec.decoder import model_file, read_symbols
from lic.codec.encode.encoder import position_in
from lic.codec.encode.pipeline import choose_symbols
from lic.codec.encode.settings import Settings, Tune
from lic.codec.entropy import chunks
from lic.codec.errors import BadSetting
from lic.codec.file.container import Container, FileLike, build, parse, read_bytes
from lic.codec.file.geometry import latent_size
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents, Symbols
from lic.codec.picture.reading import ImageLike, read_image
from lic.codec.threads import finished_before_exit
from lic.codec.transform.engine import engine_of

if TYPE_CHECKING:
    from lic.models.autoencoder import RateDistortionAutoencoder

NO_PIXELS = np.zeros((0, 0, 3), np.uint8)


@finished_before_exit()
def analyse(
    image: ImageLike,
    *,
    quality: float | None = None,
    lambda_: float | None = None,
    tune: Tune | None = None,
    model: str | os.PathLike[str] | None = None,
) -> Latents:
    """The latents of a picture (channels x rows x columns, a row and a column for 16 pixels), as floats.

    They are not scaled or rounded, and are those of the second look where this quality takes one. The parameters are
    those of `lic.encode`.

    >>> import numpy as np
    >>> analyse(np.full((40, 60, 3), 200, np.uint8)).shape
    (320, 3, 4)
    """
    settings = Settings(quality=quality, lambda_=lambda_, tune=tune, model=model)
    frozen = find_model(settings.model, tune=settings.tune).load()
    look = frozen.at(position_in(frozen, settings)).look(settings.effort)
    return engine_of(frozen).analyse(read_image(image).pixels, look)


def symbols(data: FileLike, *, model: str | os.PathLike[str] | None = None) -> Symbols:
    """The symbols of a .lic file: integers, channels x rows x columns.

    `model` is that of `lic.decode`. A lossless file has none, and raises `BadImage`:
    encode with `lossless=False`.

    >>> import numpy as np
    >>> from lic import encode
    >>> symbols(encode(np.full((40, 60, 3), 200, np.uint8), lossless=False)).dtype
    dtype('int32')
    """
    file = parse(read_bytes(data))
    return read_symbols(file, model_file(file, model).load())


@finished_before_exit()
def quantise(latents: Latents, like: FileLike, *, model: str | os.PathLike[str] | None = None) -> Symbols:
    """The symbols of latents at the rate of the file `like`: gains and expected latents are applied, as in encoding.

    >>> import numpy as np
    >>> from lic import encode
    >>> image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    >>> file = encode(image, quality=30, lossless=False)
    >>> bool((quantise(analyse(image, quality=30), file) == symbols(file)).all())
    True
    """
    file, frozen = _with_symbols(like, model)
    _check_shape(latents.shape, file, frozen)
    chosen = choose_symbols(NO_PIXELS, frozen, frozen.at(file.position), np.ascontiguousarray(latents, np.float32))
    return np.concatenate([*chosen], axis=1)


def encode_symbols(symbols: Symbols, like: FileLike, *, model: str | os.PathLike[str] | None = None) -> bytes:
    """A .lic file of these symbols; size, mode, model, rate and metadata are those of the file `like`.

    So `lic.decode(lic.encode_symbols(n, file))` decodes symbols n. With dependent quantisation, as `photo` has it, a
    symbol's quantiser depends on those before it: `quantise` finds symbols that can be coded, others are `BadSetting`.

    >>> import numpy as np
    >>> from lic import encode
    >>> file = encode(np.full((40, 60, 3), 200, np.uint8), lossless=False)
    >>> encode_symbols(symbols(file), file) == file
    True
    """
    file, frozen = _with_symbols(like, model)
    _check_shape(symbols.shape, file, frozen)
    whole = np.ascontiguousarray(symbols, np.int32)
    point = frozen.at(file.position)
    try:
        coded = chunks.pack(chunks.chunks_of(whole), point.coder)
    except ValueError as error:
        if not point.is_dependent:
            raise
        raise BadSetting(
            f"model {frozen.name} cannot code these symbols in this order: take those that lic.quantise finds"
        ) from error
    return build(dataclasses.replace(file, latents=coded))


def torch_model(
    model: str | os.PathLike[str] | None = None, *, tune: Tune | None = None
) -> "RateDistortionAutoencoder":
    """The network of a model as a torch module, which can be differentiated and trained further.

    `network(x, point)` gives the reconstruction and the bits of pictures x (B x 3 x H x W in 0..1, sides multiples of
    16), each at a lambda point of `network.lambdas`; `latents`, `transmit` and `synthesis` are its parts. The bits are
    those of one table for each channel: files take fewer, by their contexts. `network.bits(symbols, gain)` has those of
    each symbol, whose likelihood is 2 to the power of minus that. A model's filter is not part of it.

    >>> import torch
    >>> network = torch_model()
    >>> coded = network(torch.rand(1, 3, 32, 32), torch.tensor([4]))
    >>> coded.reconstruction.shape, bool(coded.bits.requires_grad)
    (torch.Size([1, 3, 32, 32]), True)
    """
    from lic.codec.transform.torch_network import thaw

    return thaw(find_model(model, tune=tune).load()).requires_grad_(True)


def _with_symbols(like: FileLike, model: str | os.PathLike[str] | None) -> tuple[Container, FrozenModel]:
    file = parse(read_bytes(like))
    frozen = model_file(file, model).load()
    read_symbols(file, frozen)  # refuses a file that has none
    return file, frozen


def _check_shape(shape: tuple[int, ...], file: Container, model: FrozenModel) -> None:
    if shape != (needed := (model.channels, *latent_size(file.width, file.height))):
        raise BadSetting(f"an array of the shape {shape} is not that of the file's latents: give {needed}")
