from typing import Any

from numpy.typing import NDArray

Capsule = object  # a pointer of the core's

def open_model(*arrays: NDArray[Any]) -> Capsule: ...
def open_rate(model: Capsule, position: int) -> Capsule: ...
def open_tables(first: NDArray[Any], start: NDArray[Any], below: NDArray[Any]) -> Capsule: ...
def encode(rate: Capsule, rows: int, columns: int, symbols: NDArray[Any]) -> bytes: ...
def decode(rate: Capsule, rows: int, columns: int, data: bytes, symbols: NDArray[Any]) -> bool: ...
def find_tables(rate: Capsule, rows: int, columns: int, symbols: NDArray[Any], numbers: NDArray[Any]) -> None: ...
def guess_tables(rate: Capsule, rows: int, columns: int, guessed: NDArray[Any], numbers: NDArray[Any]) -> None: ...
def choose_levels(
    rate: Capsule,
    rows: int,
    columns: int,
    prices: NDArray[Any],
    phase: int,
    weight: float,
    kept: float,
    targets: NDArray[Any],
    numbers: NDArray[Any],
    levels: NDArray[Any],
) -> None: ...
def open_network(sizes: NDArray[Any], values: NDArray[Any], with_slopes: bool) -> Capsule: ...
def open_team(threads: int) -> Capsule: ...
def begin(team: Capsule) -> None: ...
def work(team: Capsule, thread: int) -> None: ...
def end(team: Capsule) -> None: ...
def has_kernels(name: str | None) -> bool: ...
def open_stream(
    task: int,
    network: Capsule,
    team: Capsule,
    kernels: str | None,
    size: tuple[int, int],
    region: tuple[int, int, int, int],
    reduce: int,
    rate: Capsule,
    filter: NDArray[Any] | None,
    share: float,
    quick: bool,
) -> Capsule: ...
def rows(stream: Capsule) -> tuple[tuple[int, int], tuple[int, int]]: ...
def run(
    stream: Capsule,
    inputs: tuple[NDArray[Any] | None, ...],
    rows_in: tuple[int, int],
    outputs: tuple[NDArray[Any] | None, ...],
    rows_out: tuple[int, int],
    source_end: int,
    result_end: int,
) -> int: ...
def open_levels(
    network: Capsule, team: Capsule, kernels: str | None, rate: Capsule, rows: int, columns: int
) -> Capsule: ...
def next_levels(
    levels: Capsule,
    rate: Capsule,
    rows: int,
    columns: int,
    latents: NDArray[Any],
    symbols: NDArray[Any],
    below: NDArray[Any] | None,
    rows_below: int,
) -> None: ...
