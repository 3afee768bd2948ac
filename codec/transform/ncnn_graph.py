"""Networks for the library ncnn: written here layer by layer, then loaded and run.

ncnn reads a network as text, a line per layer that names the arrays which it takes and makes, and the weights of all
layers as bytes, in the same order. Arrays are channels x rows x columns in float32. ncnn's documents list the kinds of
layers and their numbered parameters ("operators").

>>> graph = Graph()
>>> x = graph.input("x")
>>> network = graph.load(graph.add(x, x), threads=1, memory=Memory())
>>> network.run({"x": np.ones((1, 2, 2), np.float32)})[0]
array([[[2., 2.],
        [2., 2.]]], dtype=float32)
"""

import contextlib
import ctypes
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lic.codec.transform.engine import Floats

WAITING = "OMP_WAIT_POLICY"


@contextlib.contextmanager
def _sleeping_threads() -> Iterator[None]:
    """While a library is imported, tell OpenMP, which reads a variable then, that threads sleep when they wait.

    By default they spin, which keeps other work off the cores: on a busy machine, two of them take three times as long
    as one.
    """
    before = os.environ.get(WAITING)
    os.environ[WAITING] = before or "passive"
    try:
        yield
    finally:
        if before is None:
            del os.environ[WAITING]


with _sleeping_threads():
    import ncnn

Blob = str  # the name of an array
Kept = dict[Blob, Any]  # arrays as they lie in ncnn, several channels interleaved

MAGIC = 7767517  # begins the text
RAW = np.zeros(1, np.float32)  # begins weights that are float32
ADD, MULTIPLY, DIVIDE = 0, 2, 3  # of BinaryOp
SQRT, RSQRT = 5, 6  # of UnaryOp
RELU = 1  # of a convolution's result
ROW_COLUMN_CHANNEL = 1  # the order of channels in PixelShuffle and Reorg
POOL_RATIO = 0.5  # memory is used again for what needs at least this part of it
AS_IT_LIES = 1  # of what is extracted
_numbers = itertools.count()  # of all arrays: what one network keeps is another's input, by the same name


class Line(NamedTuple):
    """A layer."""

    kind: str
    inputs: tuple[Blob, ...]
    output: Blob
    parameters: dict[int, int]


class Graph:
    """A network that is being written. Every method but `load` adds a layer and returns the name of its result."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._weights: list[Floats] = []

    def input(self, name: str) -> Blob:
        return self._add("Input", (), {}, name)

    def convolution(
        self, x: Blob, weight: Floats, bias: Floats | None = None, *, stride: int = 1, relu: bool = False
    ) -> Blob:
        """With zero padding of half the kernel."""
        outputs, _, kernel, _ = weight.shape
        self._weights += [RAW, weight]
        parameters = {0: outputs, 1: kernel, 3: stride, 4: kernel // 2, 6: weight.size}
        if bias is not None:
            self._weights.append(bias)
            parameters[5] = 1
        if relu:
            parameters[9] = RELU
        return self._add("Convolution", (x,), parameters)

    def shuffle(self, x: Blob, r: int) -> Blob:
        """Channels, ordered (row, column, channel), dealt out to an r times finer grid."""
        return self._add("PixelShuffle", (x,), {0: r, 1: ROW_COLUMN_CHANNEL})

    def unshuffle(self, x: Blob, r: int) -> Blob:
        """The inverse of `shuffle`."""
        return self._add("Reorg", (x,), {0: r, 1: ROW_COLUMN_CHANNEL})

    def add(self, x: Blob, y: Blob) -> Blob:
        return self._add("BinaryOp", (x, y), {0: ADD})

    def multiply(self, x: Blob, y: Blob) -> Blob:
        return self._add("BinaryOp", (x, y), {0: MULTIPLY})

    def divide(self, x: Blob, y: Blob) -> Blob:
        return self._add("BinaryOp", (x, y), {0: DIVIDE})

    def relu(self, x: Blob) -> Blob:
        return self._add("ReLU", (x,), {})

    def sqrt(self, x: Blob) -> Blob:
        return self._add("UnaryOp", (x,), {0: SQRT})

    def rsqrt(self, x: Blob) -> Blob:
        """1 / sqrt(x)."""
        return self._add("UnaryOp", (x,), {0: RSQRT})

    def positive(self, x: Blob) -> Blob:
        """1 where x > 0, else 0."""
        return self._add("Threshold", (x,), {})

    def load(self, output: Blob, threads: int, memory: "Memory", kept: Iterable[Blob] = ()) -> "Network":
        """The network that makes `output`, ready to run, which also hands out the arrays in `kept`."""
        # In ncnn only one layer may take an array; for several, a layer Split deals out references to it.
        kept = [*kept]
        takers = Counter([blob for line in self._lines for blob in line.inputs] + [output, *kept])
        shared = {blob: [f"{blob}/{i}" for i in range(count)] for blob, count in takers.items() if count > 1}
        names = {blob: iter(references) for blob, references in shared.items()}

        def take(blob: Blob) -> Blob:
            return next(names[blob]) if blob in names else blob

        lines = []
        for kind, inputs, made, parameters in self._lines:
            values = [f"{number}={value}" for number, value in parameters.items()]
            lines.append(" ".join([kind, made, str(len(inputs)), "1", *map(take, inputs), made, *values]))
            if made in shared:
                lines.append(" ".join(["Split", f"{made}/", "1", str(len(shared[made])), made, *shared[made]]))
        blobs = len(self._lines) + sum(map(len, shared.values()))
        text = "\n".join([str(MAGIC), f"{len(lines)} {blobs}", *lines, ""])
        return Network(text, self._weights, take(output), {blob: take(blob) for blob in kept}, threads, memory)

    def _add(self, kind: str, inputs: tuple[Blob, ...], parameters: dict[int, int], name: str = "") -> Blob:
        made = name or f"{kind}{next(_numbers)}"
        self._lines.append(Line(kind, inputs, made, parameters))
        return made


class Memory:
    """Memory for arrays between layers, which several networks share.

    It is kept for the next run, which is faster than to ask the system for it, but only as long as that is of the same
    network and shapes: ncnn's own pools keep what every network and shape needed.
    """

    def __init__(self) -> None:
        self._pools = [ncnn.PoolAllocator(), ncnn.PoolAllocator()]
        for pool in self._pools:
            pool.set_size_compare_ratio(POOL_RATIO)
        self._use: object = None

    def serve(self, options: Any) -> None:
        options.blob_allocator, options.workspace_allocator = self._pools

    def prepare(self, use: object) -> None:
        """Give memory back if the last use was another one."""
        if use != self._use:
            for pool in self._pools:
                pool.clear()
            self._use = use


class Network:
    """A network that ncnn has loaded. Several threads may run it at once."""

    def __init__(
        self,
        text: str,
        weights: Sequence[Floats],
        output: Blob,
        kept: dict[Blob, Blob],
        threads: int,
        memory: Memory,
    ) -> None:
        self._output, self._kept, self._memory = output, kept, memory
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = threads
        options.use_vulkan_compute = False
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_packed = options.use_bf16_storage = False
        if self._net.load_param_mem(text) or self._net.load_model(Reader(weights)):
            raise MemoryError("ncnn could not load a network: is there enough memory?")
        memory.serve(options)

    def run(self, inputs: Mapping[str, Any]) -> tuple[Floats, Kept]:
        """The output for these inputs, which are arrays or were kept, and what is to be kept."""
        extractor = self._net.create_extractor()
        # ncnn reads an array where it lies: `given` holds it until the end.
        given = {name: x if isinstance(x, ncnn.Mat) else np.ascontiguousarray(x) for name, x in inputs.items()}
        self._memory.prepare((id(self), [x.shape for x in given.values() if isinstance(x, np.ndarray)]))
        for name, x in given.items():
            extractor.input(name, x if isinstance(x, ncnn.Mat) else ncnn.Mat(x))
        # What leaves is copied, since it may outlive the pools.
        kept = {blob: _checked(extractor.extract(name, AS_IT_LIES)).clone() for blob, name in self._kept.items()}
        return np.array(_checked(extractor.extract(self._output))), kept


class Reader(ncnn.DataReader):
    """Arrays that ncnn reads weights from. (`load_model_mem` would keep pointers into a string that Python frees.)"""

    def __init__(self, arrays: Iterable[Floats]) -> None:
        super().__init__()
        self._rest = iter(arrays)

    def read(self, target: object, size: int) -> int:
        """Copy the next array to an address, which comes as a capsule."""
        array = np.ascontiguousarray(next(self._rest), "<f4")
        assert array.nbytes == size, "ncnn reads whole arrays"
        ctypes.memmove(_address(target, None), array.ctypes.data, size)
        return size


_address = ctypes.pythonapi.PyCapsule_GetPointer
_address.restype, _address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def _checked(extracted: tuple[int, Any]) -> Any:
    code, mat = extracted
    if code:
        raise MemoryError(f"ncnn gave up (code {code}): is there enough memory?")
    return mat
