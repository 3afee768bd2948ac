"""`lic page`: pages that show .lic files in a browser, and a folder that teaches a web site the format."""

import argparse
from pathlib import Path

from lic.codec.model.catalogue import find_model
from lic.tools.files import holds, write_whole
from lic.tools.pages.trial import trial_page
from lic.tools.pages.viewer import EXPLAINING, Picture, example_by, models_of, read_pictures, site_files, viewer_page
from lic.tools.usage import UsageError, add_force, check_output, printable

EXAMPLES = """\
examples:
  lic page photo.lic -o page.html           one file that shows the picture in any browser, offline
  lic page *.lic -o album.html              several of them
  lic page --viewer -o viewer.html          an empty page, to drop .lic files on, with an example
  lic page --compare -o compare.html        one to drop a picture on, to see it by lic at any quality beside the
                                            browser's AVIF, WebP and JPEG
  lic page --compare photo.png photo.lic -o compare.html    one that begins with this picture and its .lic file
  lic page --site photo.lic -o site/        a folder for a web site: <lic-img src="photo.lic">, and <img>, too

The pages contain the decoder and the models that the pictures need, and with --viewer and --compare photo or that of
--model: some 5 to 10 MB each. That of --compare, and the folder of --site, contain the encoder, too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic page [FILE.lic ...] [--viewer | --compare | --site] -o PAGE.html|FOLDER"
    parser.epilog = EXAMPLES
    parser.add_argument("inputs", nargs="*", metavar="FILE", help=".lic files")
    parser.add_argument("-o", "--output", required=True, metavar="PAGE", help="the page, or with --site the folder")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--viewer", action="store_true", help="a page to open .lic files in, with a model for them")
    compare = "a page to compare pictures by lic, which it encodes, with the browser's own formats; FILEs may be a\
 picture, and its .lic file"
    kind.add_argument("--compare", action="store_true", help=compare)
    kind.add_argument("--site", action="store_true", help="a folder with the decoder, to be copied to a web site")
    help_model = "name or path of one more model to include; with --viewer, --compare and --site photo by default"
    parser.add_argument("-m", "--model", help=help_model)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    if not (args.inputs or args.viewer or args.compare):
        raise UsageError("name the .lic files to show, or ask for a page to drop some on: --viewer")
    if args.site:
        if Path(args.output).exists() and not Path(args.output).is_dir():
            raise UsageError(f"{args.output} is a file: --site makes a folder")
    else:
        check_output(args.output, ".html", ".htm", force=args.force)
    originals = [path for path in args.inputs if args.compare and not path.lower().endswith(".lic")]
    pictures = read_pictures(path for path in args.inputs if path not in originals)
    models = {model.fingerprint: model for model in models_of(pictures)}
    if args.model or args.viewer or args.compare or args.site:
        more = find_model(args.model).load()
        models.pop(more.fingerprint, None)
        models[more.fingerprint] = more  # the last one encodes
    if args.site:
        write_site(Path(args.output), site_files(pictures, models.values()), args.force)
        here = printable(args.output)
        print(f"{here}: open example.html there by a web server, e.g. python -m http.server -d {here}")
    else:
        given = [*(Picture(Path(path).name, Path(path).read_bytes(), None) for path in originals), *pictures]
        if args.compare:
            made = trial_page(given, [*models.values()])
        else:
            made = viewer_page(pictures, models.values(), example_by(more) if args.viewer and not pictures else b"")
        page = made.encode()
        write_whole(args.output, page, replace=args.force)
        print(printable(f"{args.output}: {len(page):,} bytes"))
    return 0


def write_site(folder: Path, files: dict[str, bytes], force: bool) -> None:
    """Write all files, or with an error none. Those that only explain never take the place of other ones."""
    others = [name for name, data in files.items() if (folder / name).exists() and not holds(folder / name, data)]
    for name in [name for name in others if name in EXPLAINING]:
        print(printable(f"{folder / name}: kept as it is; this version of lic would write another one"))
        del files[name]
        others.remove(name)
    if others and not force:
        raise UsageError(f"{', '.join(others)} in {folder} would be overwritten: give --force, or another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(folder / name, data, replace=force)
