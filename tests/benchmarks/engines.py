"""Libraries that can run the transforms, side by side: milliseconds at 768x512, and how far results are from torch's.

    python tests/benchmarks/engines.py [--threads 1 2] [--rounds 9] [--json FILE]

Each library runs in a process of its own, and all take turns; with one thread, all on the same core. Libraries that are
missing are left out: `pip install onnx onnxruntime openvino` brings them all. The weights are those of the shipped
model for its kind of network, and random for the others. Printed are the median, the fastest and the slowest round,
and the largest error: of latents as a part of the largest, of pixels in grey levels.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
import torch
from machine import describe_machine
from PIL import Image

from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import Engine, Floats
from lic.codec.transform.light_engine import LightEngine
from lic.codec.transform.torch_engine import TorchEngine
from lic.codec.transform.torch_network import freeze, thaw
from lic.models.architecture import KINDS, Architecture
from lic.models.autoencoder import RateDistortionAutoencoder

NEEDED = {  # by the candidates
    "torch": [],
    "light": ["ncnn"],
    "ONNX Runtime": ["onnx", "onnxruntime"],
    "ONNX Runtime int8": ["onnx", "onnxruntime"],
    "OpenVINO": ["openvino"],
    "OpenVINO bfloat16": ["openvino"],
}
TRANSFORMS = [f"{kind} {side}" for kind in KINDS for side in ("analysis", "synthesis")]
Run = Callable[[Floats], Floats]  # a batch of one: B x channels x height x width, to the same


def model_of(kind: str) -> FrozenModel:
    shipped = find_model().load()
    if shipped.architecture.kind == kind:
        return shipped
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(kind), shipped.lambdas)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".expand." in name:  # zero before training
                parameter.copy_(0.02 * torch.randn_like(parameter))
    return freeze(network, {"name": "random"})


def picture() -> Floats:
    image = Image.fromarray(skimage.data.coffee()).resize((768, 512), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255


def of_engine(engine: Engine, side: str) -> Run:
    if side == "analysis":
        return lambda x: engine.analyse(x[0].transpose(1, 2, 0))[None]
    return lambda x: engine.synthesise(x[0]).transpose(2, 0, 1)[None]


def of_onnxruntime(module: torch.nn.Module, example: Floats, threads: int, int8: bool) -> Run:
    import onnxruntime
    from onnxruntime import quantization

    class Once(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.data = iter([{"x": example}])

        def get_next(self) -> dict[str, Floats] | None:
            return next(self.data, None)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "net.onnx"))
        torch.onnx.export(module, (torch.from_numpy(example),), path, input_names=["x"], dynamo=False)
        if int8:
            quantization.quantize_static(path, path := path + "8", Once(), per_channel=True)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def of_openvino(module: torch.nn.Module, example: Floats, threads: int, precision: str) -> Run:
    import openvino

    model = openvino.convert_model(module, example_input=torch.from_numpy(example))
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.compile_model(model, "CPU", settings)
    return lambda x: compiled(x)[0]


def build(candidate: str, kind: str, side: str, threads: int, example: Floats) -> Run:
    model = model_of(kind)
    library, _, precision = (
        candidate.rpartition(" ") if candidate.endswith(("int8", "bfloat16")) else (candidate, "", "")
    )
    if library == "torch":
        return of_engine(TorchEngine(model, threads), side)
    if library == "light":
        return of_engine(LightEngine(model, threads), side)
    module = getattr(thaw(model), side)
    if library == "OpenVINO":
        return of_openvino(module, example, threads, {"": "f32", "bfloat16": "bf16"}[precision])
    return of_onnxruntime(module, example, threads, precision == "int8")


def work(candidate: str, threads: int, folder: Path) -> None:
    """A worker: keeps what each transform makes, then times the one that each line of its input names."""
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    runs, inputs = {}, {}
    for kind in KINDS:
        inputs[f"{kind} analysis"] = picture()
        latents = TorchEngine(model_of(kind), threads).analyse(picture()[0].transpose(1, 2, 0))[None]
        inputs[f"{kind} synthesis"] = np.rint(latents * (6 / latents.std())) * np.float32(latents.std() / 6)
    for name in TRANSFORMS:
        with torch.no_grad():
            runs[name] = build(candidate, *name.split(), threads, inputs[name])
        np.save(folder / f"{candidate} {name}.npy", runs[name](inputs[name]))
    print("ready", flush=True)
    for line in sys.stdin:
        name = line.strip()
        start = time.perf_counter()
        runs[name](inputs[name])
        print(1000 * (time.perf_counter() - start), flush=True)


def error(name: str, found: Floats, right: Floats) -> float:
    difference = np.abs(found.astype(float) - right).max()
    return float(difference / np.abs(right).max() if name.endswith("analysis") else 255 * difference)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker[0], args.threads[0], Path(args.worker[1]))
        return
    candidates = [c for c, libraries in NEEDED.items() if all(map(importlib.util.find_spec, libraries))]
    figures = {}
    for threads in args.threads:
        with tempfile.TemporaryDirectory() as folder:
            workers = {}
            for candidate in candidates:
                command = [sys.executable, __file__, "--threads", str(threads), "--worker", candidate, folder]
                workers[candidate] = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                )
            for worker in workers.values():
                while (line := worker.stdout.readline()) != "ready\n":  # type: ignore[union-attr]
                    if not line:
                        sys.exit("a worker ended: see its message above")
            outputs = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
            for name in TRANSFORMS:
                times: dict[str, list[float]] = {candidate: [] for candidate in candidates}
                for _ in range(args.rounds):
                    for candidate, worker in workers.items():
                        worker.stdin.write(f"{name}\n")  # type: ignore[union-attr]
                        times[candidate].append(float(worker.stdout.readline()))  # type: ignore[union-attr]
                for candidate, values in times.items():
                    rounded = [round(f(values), 1) for f in (statistics.median, min, max)]
                    off = error(name, outputs[f"{candidate} {name}"], outputs[f"torch {name}"])
                    figures[f"{name}, {threads} threads, {candidate}"] = {"milliseconds": rounded, "error": off}
                    spread = "({1} to {2})".format(*rounded)
                    print(f"{name:<20} {threads} {candidate:<18} {rounded[0]:7.1f} {spread:<20} {off:.2g}")
            for worker in workers.values():
                worker.kill()
    if args.json:
        content = {"machine": describe_machine(), "rounds": args.rounds, **figures}
        args.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
