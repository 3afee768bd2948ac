"""What lies between a picture and its bytes: latents, and the symbols that they are rounded to."""

import os

from lic.codec.decoder import model_file, read_symbols
from lic.codec.encode.encoder import position_in
from lic.codec.encode.settings import Settings
from lic.codec.file.container import FileLike, parse, read_bytes
from lic.codec.model.catalogue import find_model
from lic.codec.model.operating_point import Latents, Symbols
from lic.codec.picture.reading import ImageLike, read_image
from lic.codec.process import finished_before_exit
from lic.codec.transform.engine import engine_of


@finished_before_exit()
def analyse(
    image: ImageLike,
    *,
    quality: float | None = None,
    lambda_: float | None = None,
    tune: str | None = None,
    model: str | os.PathLike[str] | None = None,
) -> Latents:
    """The latents of a picture (channels x rows x columns, a row and a column for 16 pixels), as floats.

    They are what the encoder scales and rounds at this quality: of the second look, if it takes one. The parameters are
    those of `lic.encode`.

    >>> import numpy as np
    >>> analyse(np.full((40, 60, 3), 200, np.uint8)).shape
    (320, 3, 4)
    """
    settings = Settings(quality=quality, lambda_=lambda_, tune=tune, model=model)
    frozen = find_model(settings.model, tune=settings.tune).load()
    share = frozen.at(position_in(frozen, settings)).second_look
    return engine_of(frozen).analyse(read_image(image).pixels, share)


def symbols(data: FileLike, *, model: str | os.PathLike[str] | None = None) -> Symbols:
    """The integers (channels x rows x columns) that a .lic file holds, by the lossless entropy coding.

    `model` is that of `lic.decode`. A file without loss has none, and raises `BadImage`:
    encode with `lossless=False`.

    >>> import numpy as np
    >>> from lic import encode
    >>> symbols(encode(np.full((40, 60, 3), 200, np.uint8), lossless=False)).dtype
    dtype('int32')
    """
    file = parse(read_bytes(data))
    return read_symbols(file, model_file(file, model).load())
