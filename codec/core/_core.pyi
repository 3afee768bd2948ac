from typing import Any

from numpy.typing import NDArray

def encode(model: tuple[Any, ...], rows: int, columns: int, symbols: NDArray[Any]) -> bytes | None: ...
def decode(model: tuple[Any, ...], rows: int, columns: int, data: bytes, symbols: NDArray[Any]) -> bool: ...
def price(
    model: tuple[Any, ...],
    rows: int,
    columns: int,
    symbols: NDArray[Any],
    cost: NDArray[Any],
    shifts: NDArray[Any],
    bits: NDArray[Any],
) -> None: ...
