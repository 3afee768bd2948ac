"""From pixels to latents to bytes and back, under a frozen model."""

import ctypes
import itertools
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lic.codec.entropy.coder import Library, Symbols, decode_symbols, encode_symbols, ideal_bits
from lic.codec.entropy.contexts import start_state
from lic.codec.errors import BadImage, Corrupt, Truncated
from lic.codec.file.container import STORED, Container, Reader, build, write_varint
from lic.codec.file.geometry import CHUNK_ROWS, MULTIPLE, Region, chunks_under, latent_size
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.image import Picture, Pixels, pad, to_pillow
from lic.codec.refinement import refine
from lic.codec.transform.tiles import Tile, halo, tiles
from lic.models.quantization import quantize

TRIM_AFTER = 20  # pictures
_pictures = itertools.count(1)
_malloc_trim = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "malloc_trim", None)  # glibc alone has it

# A forked process inherits torch's pool of threads, but not the threads, and would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@torch.inference_mode()
def first_look(pixels: Pixels, model: FrozenModel) -> NDArray[np.float32]:
    """The latents (channels x rows x columns), not yet scaled or rounded."""
    rows, columns = latent_size(pixels.shape[1], pixels.shape[0])
    analysis = model.network.analysis
    latents = np.empty((model.channels, rows, columns), np.float32)
    for tile in tiles((0, rows), (0, columns), halo(analysis), (rows, columns)):
        y = analysis(_picture_around(tile, pixels))[0]
        y = y[:, tile.rows.within(tile.rows.outer_start), tile.columns.within(tile.columns.outer_start)]
        latents[:, tile.rows.within(0), tile.columns.within(0)] = y.numpy()
    return latents


@torch.inference_mode()
def look_again(latents: NDArray[np.float32], pixels: Pixels, model: FrozenModel, share: float) -> None:
    """Move latents, in place, by a share of the way to those of a second look at the picture."""
    network = model.network
    around = halo(network.analysis) + halo(network.synthesis)
    rows, columns = limits = latents.shape[1:]
    first = above = latents[:, :0]
    for tile in tiles((0, rows), (0, columns), around, limits):
        if tile.columns.start == 0:  # keep what this row of tiles and the next still need of the first look
            first = np.concatenate([above, latents[:, tile.rows.start : tile.rows.outer_stop]], axis=1)
            above = first[:, : tile.rows.stop - tile.rows.outer_start][:, -around:]
        y = torch.from_numpy(first[:, :, tile.columns.outer()])[None].contiguous(memory_format=torch.channels_last)
        second = network.second_look(_picture_around(tile, pixels), y)[0].numpy()
        second = second[:, tile.rows.within(tile.rows.outer_start), tile.columns.within(tile.columns.outer_start)]
        inner = latents[:, tile.rows.within(0), tile.columns.within(0)]
        inner += share * (second - inner)


def analyse(pixels: Pixels, model: FrozenModel, position: int) -> NDArray[np.float32]:
    """The latents that stand for a picture at a position, before rounding."""
    latents = first_look(pixels, model)
    if share := model.second_look_at(position):
        look_again(latents, pixels, model, share)
    return latents


def _picture_around(tile: Tile, pixels: Pixels) -> torch.Tensor:
    """The part of a picture under a tile and its halo, whole places of it, as the network gets it."""
    part = pad(pixels[tile.rows.outer(scale=MULTIPLE), tile.columns.outer(scale=MULTIPLE)])
    return torch.from_numpy(part).permute(2, 0, 1)[None].float() / 255


def give_back_memory() -> None:
    """Return what is free to the system now and then: when sizes vary, glibc keeps it, in ever smaller pieces."""
    if next(_pictures) % TRIM_AFTER == 0 and _malloc_trim:
        _malloc_trim(0)


def quantise(latents: NDArray[np.float32], model: FrozenModel, position: int) -> Symbols:
    """Latents scaled and rounded, with a dead zone around zero."""
    gain = model.gain_at(position).astype(np.float32)[:, None, None]
    return quantize(torch.from_numpy(latents * gain), "dead-zone").numpy().astype(np.int32)


@torch.inference_mode()
def synthesise(
    symbols: Symbols, model: FrozenModel, position: int, size: tuple[int, int], region: Region, first_row: int = 0
) -> Pixels:
    """The pixels of a region of a picture of that size; `symbols` are its latents from `first_row` on."""
    limits = latent_size(*size)
    synthesis = model.network.synthesis
    inverse_gain = model.inverse_gain_at(position).astype(np.float32)[:, None, None]
    rows, columns = _latents_under(region)
    shape = [(stop - start) * MULTIPLE for start, stop in (rows, columns)]
    pixels = np.empty((*shape, 3), np.uint8)
    for tile in tiles(rows, columns, halo(synthesis), limits):
        part = symbols[:, tile.rows.outer(first_row), tile.columns.outer()].astype(np.float32) * inverse_gain
        y = torch.from_numpy(part)[None].contiguous(memory_format=torch.channels_last)
        picture = synthesis(y)[0].permute(1, 2, 0)
        picture = picture[
            tile.rows.within(tile.rows.outer_start, MULTIPLE), tile.columns.within(tile.columns.outer_start, MULTIPLE)
        ]
        grey_levels = picture.mul(255).round_().clamp_(0, 255).to(torch.uint8).numpy()
        pixels[tile.rows.within(rows[0], MULTIPLE), tile.columns.within(columns[0], MULTIPLE)] = grey_levels
    x0, y0, x1, y1 = region
    top, left = rows[0] * MULTIPLE, columns[0] * MULTIPLE
    return pixels[y0 - top : y1 - top, x0 - left : x1 - left]


def _latents_under(region: Region) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of the latents that a region's pixels belong to."""
    x0, y0, x1, y1 = region
    return (y0 // MULTIPLE, -(-y1 // MULTIPLE)), (x0 // MULTIPLE, -(-x1 // MULTIPLE))


def pack_latents(chunks: Iterable[Symbols], model: FrozenModel, position: int) -> bytes:
    """Chunks of rows, each a stream of its own; all but the last are preceded by their lengths."""
    tables, point = model.tables_at(position)
    library = Library(tables)
    streams = [encode_symbols(chunk, library, start_state(point, *chunk.shape[1:])) for chunk in chunks]
    return b"".join([write_varint(len(stream)) for stream in streams[:-1]] + streams)


def chunks_of(latents: NDArray[Any]) -> list[NDArray[Any]]:
    """The latents, or symbols, that share a stream, rows by rows."""
    return [latents[:, row : row + CHUNK_ROWS] for row in range(0, latents.shape[1], CHUNK_ROWS)]


def latent_bits(symbols: Symbols, model: FrozenModel, position: int) -> NDArray[np.float64]:
    """What each symbol costs: its ideal code length, in the shape of `symbols`."""
    tables, point = model.tables_at(position)
    library = Library(tables)
    bits = [ideal_bits(chunk, library, start_state(point, *chunk.shape[1:])) for chunk in chunks_of(symbols)]
    return np.concatenate(bits, axis=1)


def unpack_latents(file: Container, model: FrozenModel, wanted: range | None = None) -> Symbols:
    """The symbols in a container; if only some chunks are `wanted`, no others are decoded."""
    if file.section(STORED) is not None:
        raise BadImage("the file stores its pixels as they are, it has no latents: take a larger picture")
    if file.position > model.last_position:
        raise Corrupt(f"the file claims rate position {file.position}, its model ends at {model.last_position}")
    tables, point = model.tables_at(file.position)
    library = Library(tables)
    rows, columns = latent_size(file.width, file.height)
    starts = range(0, rows, CHUNK_ROWS)
    reader = Reader(file.latents)
    try:
        lengths = [reader.varint() for _ in starts[:-1]]
        streams = [reader.take(length) for length in lengths]
    except Truncated as error:  # within the section: the file itself is complete
        raise Corrupt("the file's chunk lengths do not add up: get a fresh copy of it") from error
    streams.append(file.latents[reader.at :])
    wanted = range(len(starts)) if wanted is None else wanted
    first_row = wanted.start * CHUNK_ROWS
    symbols = np.empty((model.channels, min(rows, wanted.stop * CHUNK_ROWS) - first_row, columns), np.int32)
    for i in wanted:
        chunk = symbols[:, starts[i] - first_row :][:, :CHUNK_ROWS]
        chunk[:] = decode_symbols(streams[i], chunk.shape, library, start_state(point, *chunk.shape[1:]))
    return symbols


def choose_symbols(
    latents: NDArray[np.float32], pixels: Pixels, model: FrozenModel, position: int, effort: int
) -> Iterable[Symbols]:
    """The symbols that stand for a picture, in chunks; unless refined, each is made when it is asked for."""
    if effort:
        return chunks_of(refine(quantise(latents, model, position), pixels, model, position, effort))
    return (quantise(chunk, model, position) for chunk in chunks_of(latents))


def encode_picture(
    picture: Picture,
    model: FrozenModel,
    position: int,
    effort: int = 0,
    analysed: NDArray[np.float32] | None = None,
) -> bytes:
    """The whole way from a picture to a .lic file; `analysed` are its latents at that position, if they are known.

    Few pixels in many blocks of 16 x 16 (a strip, a dot) may take more bytes as latents than as they are, and no
    model is trained to tell. Then they are stored: without loss, and the file's size has a bound.
    """
    if analysed is None:
        analysed = analyse(picture.pixels, model, position)
    symbols = choose_symbols(analysed, picture.pixels, model, position, effort)
    latents = pack_latents(symbols, model, position)
    sections = picture.sections()
    if len(latents) + len(picture.packed_alpha or b"") > picture.raw_size:
        latents, sections = b"", picture.stored_sections()
    give_back_memory()
    height, width = picture.pixels.shape[:2]
    return build(Container(width, height, picture.mode, position, model.fingerprint, latents, sections))


def decode_picture(file: Container, model: FrozenModel, region: Region | None = None) -> Image.Image:
    """The whole way back from latents, for all of the picture or a region of it."""
    size = file.width, file.height
    region = region or (0, 0, *size)
    wanted = chunks_under(region, size)
    symbols = unpack_latents(file, model, wanted)
    pixels = synthesise(symbols, model, file.position, size, region, wanted.start * CHUNK_ROWS)
    del symbols
    give_back_memory()
    return to_pillow(pixels, file, region)
