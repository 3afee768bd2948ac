"""Pillow plugin: reads and writes .lic files once `lic` has been imported.

`Image.save` takes the options of `lic.encode` (quality, target_size, model, strip, ...), and exif, icc_profile and
xmp, which replace those in `info`; None removes them. Damaged files raise OSError, as with Pillow's own formats.

>>> import io
>>> from PIL import Image
>>> import lic
>>> file = io.BytesIO()
>>> Image.new("RGB", (40, 30)).save(file, "LIC", quality=60)
>>> image = Image.open(file)  # reads the header; the picture is decoded when it is needed
>>> image.format, image.mode, image.size
('LIC', 'RGB', (40, 30))
"""

import math
from typing import IO, Any

from PIL import Image, ImageFile

from lic.codec.encode.settings import NAMES, Settings
from lic.codec.errors import BadImage, LicError
from lic.codec.file.container import MAGIC, METADATA, NOTES, VERSION, parse, read_head
from lic.codec.file.geometry import REDUCTIONS
from lic.codec.picture.metadata import info_of

FORMAT = "LIC"


def _accept(prefix: bytes) -> bool | str:
    if not prefix.startswith(MAGIC) or prefix == MAGIC:
        return False
    version = prefix[len(MAGIC) : len(MAGIC) + 1]
    return version == bytes([VERSION]) or f"a .lic file of format version {version!r}: install a newer lic"


class LicImageFile(ImageFile.ImageFile):
    """A .lic file, decoded by `load()`; `info` holds exif, icc_profile and xmp where the file has them."""

    format = FORMAT
    format_description = "Learned image codec"

    def _open(self) -> None:
        assert self.fp is not None
        try:
            file = read_head(self.fp)
        except LicError as error:
            raise SyntaxError(str(error)) from error
        self._size = self._whole = file.width, file.height
        self._reduce = 1
        self._mode = file.picture_mode
        self.info.update(info_of(file))

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Decode at a fraction of the size, but at least at `size`; the mode stays as it is."""
        if self._im is not None or size is None:
            return None
        width, height = self._whole
        fits = [reduce for reduce in REDUCTIONS if reduce <= min(width / max(size[0], 1), height / max(size[1], 1))]
        self._reduce = max(fits, default=1)
        self._size = -(-width // self._reduce), -(-height // self._reduce)
        return self.mode, (0, 0, width / self._reduce, height / self._reduce)

    def load(self) -> Any:
        if self._im is None:
            from lic.codec.decoder import decode

            try:
                # Pillow has already warned of the size; only the error is missing.
                limit = 2 * Image.MAX_IMAGE_PIXELS if Image.MAX_IMAGE_PIXELS else math.inf
                self.im = decode(self._read(), reduce=self._reduce, max_pixels=limit).im
            except LicError as error:
                raise OSError(str(error)) from error
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Check the file's checksum and structure, without decoding the picture."""
        try:
            parse(self._read())
        except LicError as error:
            raise OSError(str(error)) from error
        super().verify()

    def _read(self) -> bytes:
        if self.fp is None:  # as Pillow says
            raise RuntimeError("verify must be called directly after open, and the file opened again after it")
        self.fp.seek(0)
        return self.fp.read()


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    from lic.codec.encode.encoder import encode_by

    given = image.encoderinfo  # options of other formats are ignored, as in Pillow
    settings = Settings(**{name: given[name] for name in NAMES if name in given})
    try:
        data = encode_by(settings, image, {name: given[name] for name in (*METADATA, *NOTES) if name in given})
    except BadImage as error:  # as Pillow's own formats say that they cannot hold a mode
        raise OSError(str(error)) from error
    file.write(data)


Image.register_open(FORMAT, LicImageFile, _accept)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, ".lic")
Image.register_mime(FORMAT, "image/x-lic")
