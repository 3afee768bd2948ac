"""Batches of pictures, and torch tensors, as in other libraries of learned compression.

Tensors of pictures are batch x channels x height x width: float values in 0..1, or uint8.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from lic.codec.decoder import decode
from lic.codec.encode.encoder import encode
from lic.codec.errors import BadImage, LicError
from lic.codec.file.container import FileLike
from lic.codec.picture.reading import ImageLike
from lic.models.constants import PEAK

if TYPE_CHECKING:
    from torch import Tensor


def encode_batch(images: "Iterable[ImageLike] | Tensor", **settings: Any) -> list[bytes]:
    """Encode each picture of a batch x channels x height x width tensor, or of a list, as the bytes of a .lic file.

    The settings are those of `lic.encode`, the same for all pictures.

    >>> import torch
    >>> files = encode_batch(torch.rand(2, 3, 48, 64), quality=30)
    >>> decode_batch(files).shape
    torch.Size([2, 3, 48, 64])
    """
    shape = getattr(images, "shape", None)  # lists have none
    if shape is not None and len(shape) != 4:
        raise BadImage(f"a batch has four dimensions, not those of {tuple(shape)}: give one picture to encode()")
    return [encode(image, **settings) for image in images]


def decode_batch(files: Iterable[FileLike], **options: Any) -> "Tensor":
    """Decode .lic files of pictures of one size to a float tensor in 0..1, batch x channels x height x width.

    The options are those of `lic.decode`. Metadata are left out.
    """
    try:
        import torch
    except ImportError as error:
        raise LicError(
            "tensors need torch, which is missing: pip install 'lic-codec[train]', or decode() the files one by one"
        ) from error
    pictures = [np.atleast_3d(np.asarray(decode(file, **options))) for file in files]
    if len(shapes := {picture.shape for picture in pictures}) != 1:
        sizes = ", ".join(f"{width} x {height} x {channels}" for height, width, channels in sorted(shapes))
        raise BadImage(f"a batch has pictures of one size, not {sizes or 'none'}: decode them one by one")
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / PEAK
