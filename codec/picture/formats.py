"""The kinds of picture files that this installation reads: those of Pillow and of installed plugins."""

import importlib
from contextlib import suppress
from functools import cache
from typing import Any

from PIL import Image, UnidentifiedImageError

PLUGINS = {"pillow_heif": "pillow-heif", "pillow_jxl": "pillow-jxl-plugin"}  # module: package
ONE_PICTURE = ("MPO",)  # formats whose other frames are previews or parts of the first
RAW = ".3fr .arw .cr2 .cr3 .dng .erf .kdc .mef .mrw .nef .nrw .orf .pef .raf .raw .rw2 .sr2 .srf .srw .x3f"
# What Pillow recognises and does not decode: weather data, tables and films.
UNREADABLE = ("BUFR", "GRIB", "HDF5", "MPEG")
# What to do about pictures that Pillow alone does not read, by extension.
REMEDIES = (
    dict.fromkeys((".heic", ".heics", ".heif", ".heifs", ".hif"), "pip install pillow-heif")
    | {".jxl": "pip install pillow-jxl-plugin", ".avif": "install a Pillow with AVIF, 11.3 or newer"}
    | dict.fromkeys(RAW.split(), "this is a raw file: develop it to TIFF or JPEG first")
    | dict.fromkeys((".svg", ".svgz", ".wmf", ".emf"), "this is a vector drawing: render it to PNG first")
    | dict.fromkeys((".eps", ".ps"), "install Ghostscript, which draws it")
)


@cache
def register_plugins() -> None:
    """Register the formats of installed plugins with Pillow."""
    for module in PLUGINS:
        with suppress(ImportError):
            plugin = importlib.import_module(module)
            if hasattr(plugin, "register_heif_opener"):
                plugin.register_heif_opener()


def open_picture(source: Any) -> Image.Image:
    """A picture file, by a path or an open file; plugins are loaded if Pillow alone does not know its format."""
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        register_plugins()
        return Image.open(source)


def readable_extensions() -> frozenset[str]:
    """The extensions of pictures that can be read here, except .lic."""
    from PIL import EpsImagePlugin  # not at the top: few ask

    register_plugins()
    extensions = Image.registered_extensions()
    kinds = Image.OPEN.keys() - {*UNREADABLE, "LIC"}
    if not EpsImagePlugin.has_ghostscript():
        kinds -= {"EPS"}
    if not hasattr(Image.core, "drawwmf"):  # on Windows only
        kinds -= {"WMF"}
    return frozenset(suffix for suffix, kind in extensions.items() if kind in kinds)


def written_format(suffix: str) -> str | None:
    """The name of the format other than .lic that Pillow writes to files with this extension, if it does."""
    Image.preinit()  # the usual formats: to load all of them takes longer than to decode a small picture
    if suffix not in Image.EXTENSION:
        register_plugins()
    kind = Image.EXTENSION.get(suffix) or Image.registered_extensions().get(suffix)
    return kind if kind in Image.SAVE and kind != "LIC" else None
