"""A model's two networks as ONNX files, for programs in other languages and for other runtimes."""

import json
import tempfile
import warnings
from pathlib import Path

import torch

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import thaw
from lic.models.constants import DOWNSAMPLING
from lic.tools.extras import require

PICTURE = {0: "batch", 2: "height", 3: "width"}  # the sizes that may vary, by their dimension
LATENTS = {0: "batch", 2: "rows", 3: "columns"}


def onnx_files(model: FrozenModel) -> dict[str, bytes]:
    """The files of the analysis and of the synthesis, by name.

    `analysis` maps pictures x (batch x 3 x height x width, RGB in 0..1, sides in multiples of 16) to latents y (batch x
    channels x rows x columns), `synthesis` latents to pictures. The metadata of each has what lies between, as JSON:
    `lambdas` and, for each of them, `gain` and `inverse_gain` of all channels. Given
    round(y * gain) * inverse_gain, the synthesis makes about the picture that `lic` decodes at that point, which also
    uses the encoder's dead zone and, in some models, expected latents.
    """
    onnx = require("onnx")
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
    files = {}
    for name, part, example, names, sizes in (
        ("analysis", network.analysis, picture, ("x", "y"), (PICTURE, LATENTS)),
        ("synthesis", network.synthesis, latents, ("y", "x"), (LATENTS, PICTURE)),
    ):
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter needs one more library
            torch.onnx.export(
                part,
                (example,),
                path := Path(folder, f"{name}.onnx"),
                input_names=names[:1],
                output_names=names[1:],
                dynamic_axes=dict(zip(names, sizes, strict=True)),
                dynamo=False,
            )
            graph = onnx.load(path)
        onnx.helper.set_model_props(graph, {key: json.dumps(value) for key, value in facts.items()})
        files[f"{name}.onnx"] = graph.SerializeToString()
    return files
