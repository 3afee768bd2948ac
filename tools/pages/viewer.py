"""Pages and folders with decoder and encoder for browsers.

Their JavaScript and WebAssembly are in `tools/browser/`; `.ci/wasm` compiles the latter.
"""

import base64
import html
import json
import os
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from lic.codec.encode.pipeline import encode_picture
from lic.codec.encode.settings import DEFAULT_QUALITY
from lic.codec.errors import LicError
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.packed import ENCODER_SUFFIX, SUFFIX, pack_encoder, pack_model
from lic.codec.picture.reading import read_image
from lic.tools.evaluation.demonstration import SAMPLES
from lic.tools.pages import page
from lic.tools.usage import BadOptions, printable

BROWSER = Path(__file__).parents[1] / "browser"
DECODER = "lic-decoder.js"  # made of these, in this order, each of which uses those before it
DECODER_PARTS = (
    *("container.js", "model.js", "network.js", "latents.js"),
    *("upright.js", "png.js", "webp.js", "kept.js", "decoder.js", "alpha.js", "encoder.js", "worker.js"),
)
MODULE = "lic.js"  # likewise
MODULE_PARTS = (
    *("kept.js", "files.js", "workers.js", "pictures.js", "encode.js", "sources.js", "element.js", "serve.js"),
    "lic.js",
)
ENGINES = ("lic-simd.wasm", "lic.wasm")
THREADS = "lic-threads.wasm"  # for pages that are cross-origin isolated, which only served ones can be
EXPLAINING = ("README.md", "example.html", "example.css", "example.js", "example.svg")  # a site works without them
COPIED = ("lic-service-worker.js", "lic.d.ts", "react.d.ts", "README.md")  # to a site's folder, as they are

EXAMPLE = SAMPLES / "coffee.webp"
EXAMPLE_FILE = "example.lic"  # that the viewer's page asks for where it is empty

# A page that holds everything runs its own scripts and fetches nothing.
ALONE = (
    "default-src 'none'; img-src blob: data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src blob:"
)
# One that is served also fetches from its server.
SERVED = (
    "default-src 'self'; img-src blob: data:; style-src 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'"
)


class Picture(NamedTuple):
    """A .lic file, and the fingerprint of the model that it needs; None if it is lossless."""

    name: str
    data: bytes
    model: bytes | None


def engine_files() -> dict[str, bytes]:
    """The decoder, by the names that `lic.js` knows."""
    script = f'"use strict";\n(() => {{\n{_joined(DECODER_PARTS)}}})();\n'
    return {DECODER: script.encode(), **{name: (BROWSER / name).read_bytes() for name in ENGINES}}


def served_engine_files() -> dict[str, bytes]:
    """The same for a server, with the engine that uses several threads."""
    return engine_files() | {THREADS: (BROWSER / THREADS).read_bytes()}


def module(beside: Iterable[str] = ()) -> str:
    """`lic.js`, with the addresses of the files beside it, written such that bundlers follow them."""
    addresses = "".join(f'\n  "{name}": new URL("./{name}", import.meta.url).href,' for name in beside)
    return _joined(MODULE_PARTS).replace("const BESIDE = {};", f"const BESIDE = {{{addresses}\n}};")


def _joined(names: Iterable[str]) -> str:
    return "\n".join((BROWSER / name).read_text(encoding="utf-8") for name in names)


def model_files(models: Iterable[FrozenModel]) -> dict[str, bytes]:
    """Models, likewise."""
    return {model.fingerprint.hex() + SUFFIX: pack_model(model) for model in models}


def encoder_files(models: Iterable[FrozenModel]) -> dict[str, bytes]:
    """What encoding by them needs in addition."""
    return {model.fingerprint.hex() + ENCODER_SUFFIX: pack_encoder(model) for model in models}


def picture_of(name: str, data: bytes) -> Picture:
    """A .lic file, checked."""
    file = parse(data)
    return Picture(name, data, None if file.lossless else file.fingerprint)


def read_pictures(paths: Iterable[str]) -> list[Picture]:
    """The .lic files at these paths, checked."""
    pictures = []
    for path in paths:
        try:
            pictures.append(picture_of(Path(path).name, Path(path).read_bytes()))
        except LicError as error:
            raise type(error)(f"{path}: {error}") from error
    return pictures


def models_of(pictures: Iterable[Picture]) -> list[FrozenModel]:
    """The models that pictures need, each once."""
    needed = dict.fromkeys(picture.model for picture in pictures if picture.model is not None)
    return [find_model(fingerprint=fingerprint).load() for fingerprint in needed]


def viewer_page(pictures: Sequence[Picture], models: Iterable[FrozenModel], example: bytes = b"") -> str:
    """A page that shows these .lic files, and others that are opened in it, if they need these models only.

    If it is empty, it offers the example, which is a .lic file.
    """
    inside = held(EXAMPLE_FILE, example) if example else ""
    return _document(pictures, inside + decoder_inside(pictures, models), ALONE)


def example_by(model: FrozenModel) -> bytes:
    """The example as a .lic file."""
    return encode_picture(read_image(EXAMPLE), model, model.position(DEFAULT_QUALITY))


def decoder_inside(
    pictures: Sequence[Picture], models: Iterable[FrozenModel], encoders: Iterable[FrozenModel] = ()
) -> str:
    """Elements that bring the decoder, models, encoders' parts and .lic files into a page of the policy ALONE."""
    files = engine_files() | model_files(models) | encoder_files(encoders) | picture_files(pictures)
    return f'{"".join(held(name, data) for name, data in files.items())}<script type="module">{module()}</script>'


def held(name: str, data: bytes) -> str:
    """A file inside a page, for `lic.file`."""
    return f'<script type="text/plain" data-file="{name}">{base64.b64encode(data).decode()}</script>\n'


def served_page(pictures: Sequence[Picture]) -> str:
    """The same page for a server that has `served_engine_files`, `model_files`, `picture_files`, and lic.js."""
    return _document(pictures, '<script type="module" src="lic.js"></script>', SERVED)


def picture_files(pictures: Iterable[Picture]) -> dict[str, bytes]:
    """The .lic files, by the names that the page's script asks for."""
    return {f"picture-{i}": picture.data for i, picture in enumerate(pictures)}


def site_files(pictures: Sequence[Picture], models: Iterable[FrozenModel]) -> dict[str, bytes]:
    """A folder for a web site: decoder, encoder, models, and a page that shows pictures in both ways."""
    models = [*models]
    attributes = (f'src="{address(p.name)}" alt="{html.escape(printable(p.name))}"' for p in pictures)
    figures = "\n".join(
        f"<figure><lic-img {told}></lic-img><figcaption>&lt;lic-img&gt;</figcaption></figure>\n"
        f"<figure><img {told}><figcaption>&lt;img&gt;</figcaption></figure>"
        for told in attributes
    )
    example = (BROWSER / "example.html").read_text(encoding="utf-8").replace("PICTURES", figures)
    site = {name: (BROWSER / name).read_bytes() for name in COPIED}
    fetched = served_engine_files() | model_files(models) | encoder_files(models)
    site |= fetched | {MODULE: module(fetched).encode(), "example.html": example.encode()}
    site |= {name: (BROWSER / name).read_bytes() for name in ("example.css", "example.js")}
    site["example.svg"] = page.ICON.encode()
    site |= {"package.json": json.dumps(package(fetched), indent=2).encode() + b"\n"}
    taken = {name.lower() for name in site}  # some file systems do not tell A from a
    for picture in pictures:
        if picture.name.lower() in taken:
            raise BadOptions(f"two files of the site would be called {picture.name}: rename the picture")
        taken.add(picture.name.lower())
    return site | {picture.name: picture.data for picture in pictures}


def address(name: str) -> str:
    """A file's name as a relative address.

    >>> address("50 % #1?.lic")
    '50%20%25%20%231%3F.lic'
    """
    return quote(os.fsencode(name))


def package(fetched: Iterable[str]) -> dict[str, Any]:
    """The description of the folder as a package for npm."""
    return {
        "name": "lic-img",
        "version": version("lic-codec"),
        "description": "Pictures in the .lic format for web pages: the element <lic-img>, decoder and encoder",
        "license": "MIT",
        "type": "module",
        "sideEffects": True,  # importing it defines the element
        "exports": {
            ".": {"types": "./lic.d.ts", "default": "./lic.js"},
            "./react": {"types": "./react.d.ts"},
            "./*": "./*",
        },
        "types": "./lic.d.ts",
        "files": [MODULE, *COPIED, *fetched],
    }


def names_inside(pictures: Sequence[Picture]) -> str:
    """The names of files in a page by the names that `lic.file` asks for, as an element for the page's script."""
    files = picture_files(pictures)
    listed = [{"name": picture.name, "file": file} for picture, file in zip(pictures, files, strict=True)]
    text = json.dumps(listed).replace("<", r"\u003c")  # a name must not end the element
    return f'<script type="application/json" id="pictures">{text}</script>'


def _document(pictures: Sequence[Picture], scripts: str, policy: str) -> str:
    title = printable(pictures[0].name) if len(pictures) == 1 else "lic"
    body = "\n".join([page.asset("viewer.html"), names_inside(pictures), scripts])
    return page.page(title, body, style=page.asset("viewer.css"), script=page.asset("viewer.js"), policy=policy)
