"""One photo, coded by several codecs into the same number of bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lic.tools.evaluation.codecs import Codec, Pixels, get_codec, largest_within
from lic.tools.evaluation.metrics import Scores, measure
from lic.tools.progress_bar import progress
from lic.tools.usage import BadOptions

DEFAULT_JPEG_QUALITY = 10
WHICH_METRICS = (
    "PSNR luma is that of Y, PSNR chroma that of Cb and Cr together (JFIF transform, BT.601); "
    "MS-SSIM is the mean of those of R, G and B."
)


@dataclass(frozen=True)
class Version:
    """A photo coded by one codec."""

    label: str
    pixels: Pixels
    file: bytes
    setting: float
    over_limit: bool
    scores: Scores

    @property
    def bytes(self) -> int:
        return len(self.file)

    @property
    def bpp(self) -> float:
        height, width = self.pixels.shape[:2]
        return 8 * self.bytes / (height * width)

    def size(self) -> str:
        too_large = ", the smallest it can be" if self.over_limit else ""
        return f"{self.bytes} bytes ({self.bpp:.3f} bit/px{too_large})"

    def quality(self) -> str:
        scores = self.scores
        similarity = "-" if scores.ms_ssim != scores.ms_ssim else f"{scores.ms_ssim:.4f}"
        psnr = f"{scores.psnr_luma:.2f} dB luma / {scores.psnr_chroma:.2f} dB chroma"
        return f"PSNR: {psnr}, MS-SSIM: {similarity}"

    def caption(self) -> str:
        return f"{self.label}, {self.size()}, {self.quality()}"


def byte_limit(pixels: Pixels, count: int | None, bpp: float | None, jpeg_quality: int | None) -> int:
    """The largest size of a file that is allowed."""
    if count is not None:
        limit = count
    elif bpp is not None:
        height, width = pixels.shape[:2]
        limit = int(bpp * height * width / 8)
    else:
        quality = DEFAULT_JPEG_QUALITY if jpeg_quality is None else jpeg_quality
        if not 1 <= quality <= 100:
            raise BadOptions(f"JPEG has no quality {quality}: choose from 1 to 100")
        limit = len(get_codec("jpeg").encode(pixels, quality))
    if limit < 1:
        raise BadOptions("no picture fits into less than one byte: give a larger size")
    return limit


def make_versions(pixels: Pixels, chosen: Sequence[Codec], limit: int) -> list[Version]:
    """The photo by each codec, in at most `limit` bytes where it can."""
    versions = []
    for codec in progress(chosen, "codec"):
        setting, data = largest_within(partial(codec.encode, pixels), codec.grid, limit)
        versions.append(make_version(pixels, codec, setting, data, len(data) > limit))
    return versions


def make_version(pixels: Pixels, codec: Codec, setting: float, data: bytes, over_limit: bool = False) -> Version:
    """The photo as a codec decodes it from a file."""
    decoded = codec.decode(data)
    return Version(codec.label, decoded, data, setting, over_limit, measure(pixels, decoded))
