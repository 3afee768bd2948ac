"""Step 11 of a codec: the decoder of step 10.

The decoder keeps value, the number of the file minus low, in the same units as width: it begins with the first six
bytes. (Behind the end of the file there are zeros.) It finds the symbol whose part of the interval contains value,
subtracts unit * c[symbol], and narrows width as the encoder did; with each multiplication by 2^16 it reads two more
bytes.

Question: which symbol is it, in terms of value // unit and c? Why can value // unit exceed the total's last count by
a little, and what is to be done then?
"""

from bisect import bisect_right


def decode_symbols(data: bytes, tables: list[list[int]]) -> list[int]:
    """The symbols that `encode_symbols` wrote with these tables."""
    value, width, position, symbols = int.from_bytes((data + bytes(6))[:6], "big"), 1 << 48, 6, []
    for table in tables:
        unit = width >> 16
        symbol = bisect_right(table, min(value // unit, table[-1] - 1)) - 1
        symbols.append(symbol)
        value -= unit * table[symbol]
        width = unit * (table[symbol + 1] - table[symbol])
        while width < 1 << 32:
            digits = (data[position : position + 2] + bytes(2))[:2]
            value, width, position = value << 16 | int.from_bytes(digits, "big"), width << 16, position + 2
    return symbols


# Answer to the question
# The symbol with c[symbol] <= value // unit < c[symbol + 1]. width is unit * 2^16 plus a rest that no symbol owns; a
# valid file never points there, a damaged one may, and the minimum keeps the decoder inside of the table.
