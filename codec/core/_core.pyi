from typing import Any

from numpy.typing import NDArray

def encode(model: tuple[Any, ...], rows: int, columns: int, symbols: NDArray[Any]) -> bytes: ...
def decode(model: tuple[Any, ...], rows: int, columns: int, data: bytes, symbols: NDArray[Any]) -> bool: ...
def find_tables(
    model: tuple[Any, ...], rows: int, columns: int, symbols: NDArray[Any], numbers: NDArray[Any]
) -> None: ...

Capsule = object  # a pointer of the core's

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
    channels: int,
    gain: NDArray[Any] | None,
    inverse_gain: NDArray[Any] | None,
    trust: NDArray[Any] | None,
    unscale: NDArray[Any] | None,
    share: float,
    filter: NDArray[Any] | None,
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
