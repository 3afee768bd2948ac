"""Decode the bytes of .lic files."""

from PIL import Image

from lic.codec.coding import decode_picture
from lic.codec.file.container import ALPHA, STORED, FileLike, parse, read_bytes
from lic.codec.file.geometry import Region, check_cost, check_region
from lic.codec.model.frozen import find_model
from lic.codec.picture.image import stored_picture


def decode(data: FileLike, *, region: Region | None = None, max_pixels: float | None = None) -> Image.Image:
    """Decode a .lic file (its bytes, path or file object) to a Pillow image, with its metadata in `info`.

    `region` (left, top, right, bottom, in pixels) decodes just that part of the picture: of the latents only the
    strips of 1024 rows of pixels that it touches, of the network only the region and a margin of 32 pixels. Its pixels
    are those of the whole picture, but for one grey level in rare places where the arithmetic's order differs.

    There is no decoding at reduced size: the network has one output, at full size, and its inner layers are not
    pictures. For thumbnails decode, then use `Image.thumbnail`; or encode a small version, too.

    `max_pixels` is the largest picture that may be decoded (`math.inf` for any); the few bytes of a header may claim
    280 terapixels. If it is not given, Pillow's limit holds: a `DecompressionBombWarning` above
    PIL.Image.MAX_IMAGE_PIXELS, an error above twice that. What counts are the pixels of all strips that are decoded.

    Raises `NotALicFile`, `Truncated`, `Corrupt`, `UnsupportedVersion`, `TooLarge`, `ModelNotFound`, `BadModel`, and
    `BadSetting` for a region that is not in the picture.

    >>> import numpy as np
    >>> data = encode(np.full((200, 300, 3), 90, np.uint8), quality=30)
    >>> decode(data, region=(100, 50, 180, 60)).size
    (80, 10)
    """
    file = parse(read_bytes(data))
    size = file.width, file.height
    region = region or (0, 0, *size)
    check_region(region, size)
    check_cost(region, size, bool(file.section(ALPHA)), max_pixels)
    if file.section(STORED) is not None:
        return stored_picture(file, region)
    model = find_model(file.fingerprint)
    return decode_picture(file, model, region)
