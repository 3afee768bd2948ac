"""`lic export`: a training run becomes a model file, or a model one for other programs."""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from lic.codec.errors import BadModel, ModelNotFound
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.packed import ENCODER_SUFFIX, SUFFIX, pack_encoder, pack_model
from lic.models.constants import DOWNSAMPLING
from lic.tools.files import write_whole
from lic.tools.fitting import filter_fit, preview_fit, quick_look_fit, rounding, synthesis_fit, trellis_fit
from lic.tools.fitting.freezing import describe_choice, freeze_run, open_model, with_entropy, with_qualities
from lic.tools.fitting.latents import CHUNKS, square_crops
from lic.tools.fitting.onnx_files import NAMES, onnx_files
from lic.tools.training.rate_distortion import best_checkpoint
from lic.tools.usage import UsageError, positive, printable

PACKED = {SUFFIX: pack_model, ENCODER_SUFFIX: pack_encoder}
# What can be fitted for a model: the function, and the number and the sides of the crops of pictures that it is given.
ADDED = {
    "rounding": (rounding.round_model, rounding.CROPS, rounding.SIDE),
    "trellis": (trellis_fit.add_trellis, trellis_fit.CROPS, trellis_fit.SIDE),
    "synthesis": (synthesis_fit.fit_synthesis, synthesis_fit.CROPS, synthesis_fit.SIDE),
    "filter": (filter_fit.fit_filter, filter_fit.CROPS, filter_fit.SIDE),
    "quick-look": (quick_look_fit.add_quick_look, quick_look_fit.CROPS, quick_look_fit.SIDE),
    "preview": (preview_fit.add_preview, preview_fit.CROPS, preview_fit.SIDE),
}

EXAMPLES = """\
examples:
  lic export run -o photo.safetensors           the averaged weights of the run's best checkpoint
  lic encode picture.png -m photo.safetensors   and their use
  lic export run -o quick.safetensors --crops 40
                                                a look at a run, in a fraction of the time
  lic export bare.safetensors -o photo.safetensors --data photos/
      a network's tensors, with n, m, lambdas, second_look and steps as JSON in the metadata
  lic export mine.safetensors --qualities=1,20,45,70,100 -o other.safetensors
      a model with another scale of qualities, which tests/benchmarks/tunings.py measures
  lic export photo --add filter --data photos/ -o other.safetensors
      a model with a filter behind its synthesis, fitted on pictures in a few minutes
  lic export mine.safetensors --add quick-look preview --data photos/ -o better.safetensors
      a model with a quick look, for faster encoding, and a preview, for small pictures in less time
  lic export mine.safetensors --add rounding --data photos/ -o small.safetensors
      a model with weights and contexts in fewer bits; to be done before a filter is fitted
  lic export mine.safetensors --add trellis --data photos/ -o smaller.safetensors
      a model with dependent quantisation, for smaller files; to be done after rounding, and before a filter is fitted
  lic export mine.safetensors --add synthesis --data photos/ -o better.safetensors
      a model whose synthesis has learned what the encoder's levels stand for; after trellis, and before a filter
  lic export photo -o photo.licmodel
      the part of a model that decoding needs, for programs in C (codec/core/core.h) and for browsers
  lic export photo -o photo.licencoder
      the part that only encoding needs
  lic export photo --onnx -o onnx/
      analysis.onnx, synthesis.onnx and (if the model expects latents) predictors.onnx, for other runtimes;
      tools/EXTENDING.md decodes a file by them in twenty lines
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        "lic export RUN -o MODEL.safetensors\n"
        "       lic export MODEL -o MODEL.licmodel (or MODEL.licencoder)\n"
        "       lic export MODEL --onnx -o FOLDER"
    )
    parser.epilog = EXAMPLES
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a run, a checkpoint, or bare weights; or a model"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="the model file; a folder with --onnx"
    )
    parser.add_argument("--name", help="name of the model; that of the file if not given")
    parser.add_argument("--data", nargs="+", help="pictures to fit context tables on; the training's if not given")
    about = f"pictures to fit contexts on, {CHUNKS} if not given: fewer are faster, and files a little larger"
    parser.add_argument("--crops", type=positive, default=CHUNKS, metavar="N", help=about)
    about = "channels (one table per channel), or a kind of one's own (tools/EXTENDING.md) instead of contexts"
    parser.add_argument("--entropy", metavar="KIND", help=f"{about}; with --data also for a model")
    parser.add_argument("--plain", dest="entropy", action="store_const", const="channels", help="--entropy channels")
    parser.add_argument(
        "--qualities",
        type=_numbers,
        metavar="Q,...",
        help="qualities of the lambda points; evenly 1 to 100 if not given",
    )
    about = "fit these on the pictures of --data, and add them to a model: " + ", ".join(ADDED)
    parser.add_argument("--add", nargs="+", choices=ADDED, default=[], metavar="PART", help=about)
    parser.add_argument("--onnx", action="store_true", help="write the networks as ONNX files")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite a model file that exists")


def run(args: argparse.Namespace) -> int:
    return _export_onnx(args) if args.onnx else _export_model(args)


def _export_onnx(args: argparse.Namespace) -> int:
    for name in NAMES:
        if (path := args.output / name).exists() and not args.force:
            raise UsageError(f"{path} exists: give --force to overwrite it")
    with tempfile.TemporaryDirectory() as folder:
        model, _ = open_model(str(args.run), Path(folder))
    files = onnx_files(model)
    args.output.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(args.output / name, data, replace=args.force)
        print(printable(f"{args.output / name}: of model {model.name}, {len(data):,} bytes"))
    return 0


def _export_model(args: argparse.Namespace) -> int:
    if args.output.suffix not in (".safetensors", *PACKED):
        raise UsageError(f"{args.output} must end in .safetensors, to be found as a model, or in {' or '.join(PACKED)}")
    if args.output.exists() and not args.force:
        raise UsageError(f"{args.output} exists: give --force to overwrite it, and lose what only it can decode")
    if args.add and not args.data:
        raise UsageError("--add fits on pictures: name some with --data")
    model, source = _model_of(args)
    for part in args.add:
        fit, count, side = ADDED[part]
        model = fit(model, square_crops(args.data, DOWNSAMPLING, count, side))
    if args.name:
        model = dataclasses.replace(model, card=model.card | {"name": args.name})
    if args.qualities:
        model = with_qualities(model, args.qualities)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    data = PACKED.get(args.output.suffix, FrozenModel.to_bytes)(model)
    write_whole(args.output, data, replace=args.force)
    print(printable(f"{args.output}: model {model.name}, fingerprint {model.fingerprint.hex()}, from {source}"))
    return 0


def _model_of(args: argparse.Namespace) -> tuple[FrozenModel, str]:
    """The model of a run, or of a model to be changed or packed; and where it is from."""
    name = args.name or args.output.stem
    if (args.qualities or args.add or args.output.suffix in PACKED) and not args.entropy and not args.run.is_dir():
        try:
            return find_model(str(args.run)).load(), args.run.name
        except BadModel:
            pass  # a checkpoint
    if args.entropy and args.data:
        try:
            model = find_model(str(args.run)).load()
            return with_entropy(model, args.data, args.entropy, name, args.crops), model.name
        except (BadModel, ModelNotFound):
            pass  # a run
    path = best_checkpoint(args.run)
    return freeze_run(path, name, args.data, entropy=args.entropy, count=args.crops), describe_choice(path)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]
