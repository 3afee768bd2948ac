"""From pixels to latents to bytes and back, under a frozen model."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lic.codec.container import Container, Reader, Section, build, write_varint
from lic.codec.contexts import start_state
from lic.codec.entropy_coding import Library, Symbols, decode_symbols, encode_symbols, ideal_bits
from lic.codec.errors import Corrupt
from lic.codec.image import Pixels, check_pixels, latent_size, pad, to_pillow
from lic.codec.model import FrozenModel

CHUNK_ROWS = 64  # rows of latents that share a stream: 1024 rows of pixels


@torch.inference_mode()
def analyse(pixels: Pixels, model: FrozenModel) -> NDArray[np.float32]:
    """The latents (channels x rows x columns), not yet scaled or rounded."""
    x = torch.from_numpy(pad(pixels)).permute(2, 0, 1)[None].float() / 255
    latents: NDArray[np.float32] = model.network.analysis(x)[0].contiguous().numpy()
    return latents


def quantise(latents: NDArray[np.float32], model: FrozenModel, position: int) -> Symbols:
    """floor(gain y + 1/2)."""
    gain = model.gain_at(position).astype(np.float32)[:, None, None]
    return np.floor(latents * gain + np.float32(0.5)).astype(np.int32)


@torch.inference_mode()
def synthesise(symbols: Symbols, model: FrozenModel, position: int) -> Pixels:
    """The decoded picture, padding included."""
    inverse_gain = model.inverse_gain_at(position).astype(np.float32)[:, None, None]
    y = torch.from_numpy(symbols.astype(np.float32) * inverse_gain)[None].contiguous(memory_format=torch.channels_last)
    picture = model.network.synthesis(y)[0].permute(1, 2, 0)
    pixels: Pixels = picture.mul(255).round_().clamp_(0, 255).to(torch.uint8).numpy()
    return pixels


def pack_latents(symbols: Symbols, model: FrozenModel, position: int) -> bytes:
    """Chunks of rows, each a stream of its own; all but the last are preceded by their lengths."""
    tables, point = model.tables_at(position)
    library = Library(tables)
    streams = [encode_symbols(chunk, library, start_state(point, *chunk.shape[1:])) for chunk in chunks_of(symbols)]
    return b"".join([write_varint(len(stream)) for stream in streams[:-1]] + streams)


def chunks_of(symbols: Symbols) -> list[Symbols]:
    """The symbols that share a stream, rows by rows."""
    return [symbols[:, row : row + CHUNK_ROWS] for row in range(0, symbols.shape[1], CHUNK_ROWS)]


def latent_bits(symbols: Symbols, model: FrozenModel, position: int) -> NDArray[np.float64]:
    """What each symbol costs: its ideal code length, in the shape of `symbols`."""
    tables, point = model.tables_at(position)
    library = Library(tables)
    bits = [ideal_bits(chunk, library, start_state(point, *chunk.shape[1:])) for chunk in chunks_of(symbols)]
    return np.concatenate(bits, axis=1)


def unpack_latents(file: Container, model: FrozenModel) -> Symbols:
    """The symbols in a container."""
    if file.position > model.last_position:
        raise Corrupt(f"the file claims rate position {file.position}, its model ends at {model.last_position}")
    tables, point = model.tables_at(file.position)
    library = Library(tables)
    rows, columns = latent_size(file.width, file.height)
    starts = range(0, rows, CHUNK_ROWS)
    reader = Reader(file.latents)
    lengths = [reader.varint() for _ in starts[:-1]]
    lengths.append(len(file.latents) - reader.at - sum(lengths))
    if lengths[-1] < 0:
        raise Corrupt("the file's chunk lengths do not add up: get a fresh copy of it")
    chunks = []
    for start, length in zip(starts, lengths, strict=True):
        shape = (model.channels, min(CHUNK_ROWS, rows - start), columns)
        chunks.append(decode_symbols(reader.take(length), shape, library, start_state(point, *shape[1:])))
    return np.concatenate(chunks, axis=1)


def encode_pixels(
    pixels: Pixels, mode: str, model: FrozenModel, position: int, sections: tuple[Section, ...] = ()
) -> bytes:
    """The whole way from pixels to a .lic file; `sections` are those before the latents."""
    symbols = quantise(analyse(pixels, model), model, position)
    height, width = pixels.shape[:2]
    latents = pack_latents(symbols, model, position)
    return build(Container(width, height, mode, position, model.fingerprint, latents, sections))


def decode_picture(file: Container, model: FrozenModel) -> Image.Image:
    """The whole way back."""
    check_pixels(file.width, file.height)
    symbols = unpack_latents(file, model)
    return to_pillow(synthesise(symbols, model, file.position), file)
