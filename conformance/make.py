"""Make conformance files: one per feature of the format, with hashes of what it must decode to, exactly, for ever.

Run once per feature, when it is new: `python -m conformance.make NAME...`. Existing files are never regenerated.
"""

import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data
import torch

from lic.codec.entropy.coder import Coder

FOLDER = Path(__file__).parent
MANIFEST = FOLDER / "manifest.json"


def make_model(kind: str) -> bytes:
    """A tiny model, untrained: golden-plain without contexts and expected latents, golden-contexts with both.

    golden-filter is the plain one with a filter, of weights at random; golden-trellis the one with contexts, with two
    quantisers of 4/3 of its steps.
    """
    import dataclasses

    from lic.codec.picture import filtering
    from lic.codec.transform.torch_network import freeze
    from lic.models.architecture import Architecture
    from lic.models.autoencoder import RateDistortionAutoencoder
    from lic.models.pca import pca_start
    from lic.tools.fitting.context_fit import Recipe, fit_contexts

    if kind == "trellis":
        return with_two_quantisers("golden-contexts")
    torch.manual_seed(1)
    architecture = Architecture("residual" if kind == "contexts" else "balle2017", n=6, m=12)
    network = RateDistortionAutoencoder(architecture, (0.002, 0.02, 0.2))
    coffee = torch.from_numpy(skimage.data.coffee()[:384, :576]).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        pca_start(network, coffee)
        for predictor in network.predictors:  # so that something is expected
            predictor.expand.weight.normal_(0, 0.02)
            predictor.place.normal_()
        y = network.analysis(coffee)[0]
    if architecture.predictors:
        network.trust.data.uniform_(0.2, 1)
    model = freeze(network, {"name": f"golden-{kind}"})
    if kind == "filter":
        weights = np.random.default_rng(0).integers(-60, 61, (len(model.lambdas), *filtering.SHAPE))
        return dataclasses.replace(model, filter=weights).to_bytes()
    if kind == "plain":
        return model.to_bytes()
    chunks = torch.stack([y[:, i : i + 8, j : j + 12] for i in (0, 8, 16) for j in (0, 12, 24)])
    return dataclasses.replace(model, entropy=fit_contexts(model, chunks.numpy(), Recipe(library=20))).to_bytes()


def with_two_quantisers(name: str) -> bytes:
    """A model with contexts as one of dependent quantisation: each table of its library for one quantiser, and a
    narrower one for the other."""
    from lic.codec.entropy.library import Contexts
    from lic.codec.entropy.quantisers import TRELLIS
    from lic.codec.model.catalogue import find_model

    model = find_model(name).load()
    assert isinstance(model.entropy, Contexts)
    heights, steps = model.entropy.heights, model.entropy.steps
    entropy = replace(
        model.entropy,
        heights=np.concatenate([heights, heights]),
        steps=np.concatenate([steps * 4 // 3, steps * 3 // 2]),
        states=TRELLIS,
    )
    card = model.card | {"name": "golden-trellis"}
    return replace(model, steps=model.steps * 2 // 3, entropy=entropy, card=card).to_bytes()


def levels_at_random(coder: Coder, shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Symbols that a model with two quantisers can code: some of its own probabilities, some that escape."""
    rng = np.random.default_rng(seed)
    levels = coder.decode(rng.bytes(5000), shape)
    far = np.sign(levels) * 2**21 * (rng.random(shape) < 0.005)  # numbers keep their parities
    return (levels + far).astype(np.int32)


def ramp(height: int, width: int) -> np.ndarray:
    """A picture that no library version can change: integer gradients with a grid."""
    y, x = np.mgrid[:height, :width]
    planes = [(3 * x + y) % 256, (x * y // 7) % 256, (255 - x) % 256]
    return np.where(((x // 8 + y // 8) % 2)[..., None], np.stack(planes, -1), 128).astype(np.uint8)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def make_file(name: str) -> bytes:
    from lic import encode
    from lic.codec.encode import pipeline
    from lic.codec.entropy.chunks import pack as pack_chunks
    from lic.codec.file.container import Container, Section, build, parse
    from lic.codec.model.catalogue import find_model

    if name == "contexts":
        return encode(ramp(75, 91), quality=70, model="golden-contexts")
    if name == "plain":
        return encode(ramp(75, 91), quality=70, model="golden-plain")
    if name == "filter":
        return encode(ramp(75, 91), quality=40, model="golden-filter")
    if name == "filter-grey":
        return encode(ramp(7, 40)[:, :, 0], quality=100, model="golden-filter", lossless=False)
    if name == "filter-adjusted":
        from lic.codec.picture.adjustment import SHAPE, pack

        added = np.random.default_rng(0).integers(-20, 21, SHAPE)
        added[1] = 0
        file = parse(make_file("filter"))
        return build(replace(file, sections=(Section(b"F", pack(added)),)))
    if name == "between-points":
        return encode(ramp(75, 91), quality=33.3, model="golden-contexts")
    if name == "grey":
        return encode(ramp(75, 91)[:, :, 0], quality=50, model="golden-contexts")
    if name == "alpha":
        shades = (ramp(75, 91)[:, :, 1] // 64 * 85).astype(np.uint8)
        metadata = {"exif": b"Exif\0\0MM", "icc_profile": b"a profile", "xmp": b"<x/>"}
        return encode(np.dstack([ramp(75, 91), shades]), quality=50, model="golden-contexts", metadata=metadata)
    if name == "described":
        metadata = {"dpi": (300, 150.25), "text": {"Title": "A grid", "Author": "Zoë"}}
        return encode(ramp(40, 50), quality=50, model="golden-contexts", metadata=metadata)
    if name == "grey-alpha":
        return encode(ramp(40, 50)[:, :, :2], quality=50, model="golden-contexts")
    if name == "grey-as-rgb":
        profile = {"icc_profile": b"a profile " * 50}
        return encode(ramp(40, 50)[:, :, [0, 0, 0]], quality=50, model="golden-contexts", metadata=profile)
    if name == "opaque":
        return encode(np.dstack([ramp(40, 50), np.full((40, 50), 255, np.uint8)]), quality=50, model="golden-contexts")
    if name == "first-point":
        return encode(ramp(75, 91), quality=1, model="golden-contexts")
    if name == "one-row":
        return encode(ramp(9, 300), quality=60, model="golden-contexts")
    if name == "stored":
        return encode(noise(2, 2, 3), quality=100, model="golden-contexts")
    if name == "stored-alpha":
        return encode(noise(3, 30, 2), quality=100, model="golden-plain", metadata={"xmp": b"<x/>"})
    if name == "stored-webp":
        return encode(ramp(40, 50), lossless=True, model="golden-contexts")
    if name == "stored-webp-alpha":
        return encode(ramp(40, 50)[:, :, :2], lossless=True, model="golden-contexts")
    if name == "optional-section":
        file = parse(make_file("plain"))
        return build(replace(file, sections=(Section(b"z", b"from a later release"),)))
    if name == "odd-notes":  # sections that a decoder ignores, because they are not as FORMAT.md says
        file = parse(make_file("plain"))
        return build(replace(file, sections=(Section(b"d", b"\xff\xff\xff\xff\x0f"), Section(b"t", b"Title\0\xff\0"))))
    if name == "stored-beyond-last-rate":  # a rate position means nothing where there are no latents
        return build(replace(parse(make_file("stored")), position=2**16 - 1))
    if name == "alpha-in-pieces":  # the PNG file's stream in several chunks, of which one is empty
        file = parse(make_file("grey-alpha"))
        return build(replace(file, sections=(Section(b"A", in_pieces(file.section(b"A") or b"")),)))
    if name == "one-latent":
        return encode(ramp(9, 7), quality=100, model="golden-contexts", lossless=False)
    if name == "chunks":
        return encode(ramp(2100, 20), quality=20, model="golden-contexts")
    if name == "trellis":
        model = find_model("golden-trellis").load()
        position = model.position(33.3)
        coder = model.at(position).coder
        chunks = [levels_at_random(coder, (12, rows, 3), seed) for seed, rows in ((1, 64), (2, 5))]
        latents = pack_chunks(chunks, coder)
        return build(Container(40, 1100, "RGB", position, model.fingerprint, latents))
    if name in ("escapes", "no-channels"):
        wild = np.random.default_rng(0).integers(-(2**29), 2**29, (12, 5, 6)).astype(np.int32)
        wild *= name == "escapes"
        original, pipeline.choose_symbols = pipeline.choose_symbols, lambda *_: [wild]
        try:
            return encode(ramp(75, 91), quality=50, model="golden-contexts", lossless=False)
        finally:
            pipeline.choose_symbols = original
    raise SystemExit(f"unknown feature {name}")


def in_pieces(png: bytes) -> bytes:
    """A PNG file with its only IDAT chunk cut into four."""
    from conformance.hostile import chunk

    at = png.index(b"IDAT")
    end = at + 4 + int.from_bytes(png[at - 4 : at], "big")
    stream = png[at + 4 : end]
    pieces = stream[:1], stream[1:20], b"", stream[20:]
    return png[: at - 4] + b"".join(chunk(b"IDAT", piece) for piece in pieces) + png[end + 4 :]


def describe(data: bytes) -> dict[str, object]:
    """What a decoder must find in a file: see README.md."""
    from lic import decode
    from lic.codec.decoder import read_symbols
    from lic.codec.file.container import parse
    from lic.codec.model.catalogue import find_model

    file, picture, model = parse(data), decode(data), find_model(fingerprint=parse(data).fingerprint)
    symbols = None if file.lossless else read_symbols(file, model.load()).astype("<i4")
    return {
        "model": model.name,
        "size": list(picture.size),
        "mode": picture.mode,
        "latents": None if symbols is None else sha256(symbols.tobytes()),
        "pixels": sha256(picture.tobytes()),
        "alpha": sha256(picture.getchannel("A").tobytes()) if "A" in picture.getbands() else None,
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    os.environ["LIC_MODELS"] = str(FOLDER)
    for kind in ("plain", "contexts", "filter", "trellis"):
        path = FOLDER / f"golden-{kind}.safetensors"
        if not path.exists():
            path.write_bytes(make_model(kind))
    manifest = json.loads(MANIFEST.read_text())
    for name in sys.argv[1:]:
        if (FOLDER / f"{name}.lic").exists():
            raise SystemExit(f"{name}.lic exists and may never change")
        data = make_file(name)
        (FOLDER / f"{name}.lic").write_bytes(data)
        manifest["files"][name] = describe(data)
    MANIFEST.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
