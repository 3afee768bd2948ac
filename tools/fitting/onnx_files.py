"""A model's networks as ONNX files, for programs in other languages and for other runtimes."""

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import thaw
from lic.models.constants import DOWNSAMPLING, PHASES, PLACES
from lic.tools.extras import require

NAMES = "analysis.onnx", "synthesis.onnx", "predictors.onnx"
PICTURE = {0: "batch", 2: "height", 3: "width"}  # the sizes that may vary, by their dimension
LATENTS = {0: "batch", 2: "rows", 3: "columns"}


def onnx_files(model: FrozenModel) -> dict[str, bytes]:
    """The files of a model's networks, by name.

    `analysis` maps pictures x (batch x 3 x height x width, RGB in 0..1, sides in multiples of 16) to latents y (batch x
    channels x rows x columns), `synthesis` latents to pictures. In models with expected latents, `predictors` maps the
    latents of earlier phases, `known`, to `expected1`, `expected2` and `expected3`, those of the phases 1 to 3.

    The metadata of each file has the numbers for the steps between the networks, as JSON: `lambdas` and, for each of
    them, `gain`, `inverse_gain` and `trust` of all channels; and `places`, the numbers of block positions by the parity
    of row and column, of which the phases follow (models/expectation.py). EXTENDING.md shows how a file's symbols are
    decoded by them. The filter of models that have one is not among the files.
    """
    network = thaw(model)
    points = [model.at(model.position_of_lambda(lambda_)) for lambda_ in model.lambdas]
    facts = {
        "model": model.name,
        "fingerprint": model.fingerprint.hex(),
        "lambdas": [*model.lambdas],
        "gain": [point.gain.tolist() for point in points],
        "inverse_gain": [point.inverse_gain.tolist() for point in points],
    }
    picture = torch.zeros(1, 3, 2 * DOWNSAMPLING, 3 * DOWNSAMPLING)
    latents = torch.zeros(1, model.channels, 2, 3)
    files = {
        NAMES[0]: _graph(network.analysis, picture, {"x": PICTURE, "y": LATENTS}),
        NAMES[1]: _graph(network.synthesis, latents, {"y": LATENTS, "x": PICTURE}),
    }
    if model.trust is not None:
        facts |= {"trust": model.trust.tolist(), "places": PLACES}
        outputs = {f"expected{k}": LATENTS for k in range(1, PHASES)}
        files[NAMES[2]] = _graph(_Together(network.predictors), latents, {"known": LATENTS} | outputs)
    for graph in files.values():
        require("onnx").helper.set_model_props(graph, {key: json.dumps(value) for key, value in facts.items()})
    return {name: graph.SerializeToString() for name, graph in files.items()}


class _Together(nn.Module):
    """All predictors on the same latents; whoever runs the graph asks for the output of one phase at a time."""

    def __init__(self, predictors: nn.ModuleList) -> None:
        super().__init__()
        self.predictors = predictors

    def forward(self, known: Tensor) -> list[Tensor]:
        return [predictor(known) for predictor in self.predictors]


def _graph(part: nn.Module, example: Tensor, names: dict[str, dict[int, str]]) -> Any:
    """The graph of a network with one input, the first of `names`; each name has its sizes that may vary."""
    onnx, (first, *others) = require("onnx"), names
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter needs one more library
        torch.onnx.export(
            part,
            (example,),
            path := Path(folder, "graph.onnx"),
            input_names=[first],
            output_names=others,
            dynamic_axes=names,
            dynamo=False,
        )
        return onnx.load(path)
