"""The time that a browser takes for a picture, and the sizes of what it needs.

    python -m tests.benchmarks.browser [--picture FILE] [--quality 50] [--model NAME] [--json FILE]

Printed are the median, the fastest and the slowest of nine runs on one thread, with vector instructions and
without; and the first picture, before which the model is unpacked.
"""

import argparse
import base64
import json
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from lic import encode
from lic.codec.model.catalogue import find_model
from lic.tools.pages import viewer
from lic.tools.pages.viewer import BROWSER, engine_files, model_files, viewer_page
from tests.benchmarks.machine import describe_machine
from tests.tools.browser.chromium import BROWSERS, Tab, chromium

RUNS = 9
SCRIPT = """
  const bytes = Uint8Array.from(atob("DATA"), (letter) => letter.charCodeAt(0));
  const times = [];
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await lic.picture(bytes);
    times.push(performance.now() - start);
  }
  return times;
"""


def milliseconds(tab: Tab, data: bytes) -> dict[str, float]:
    script = SCRIPT.replace("DATA", base64.b64encode(data).decode()).replace("RUNS", str(RUNS + 1))
    first, *times = tab.run(script)
    figures = {"first": first, "median": statistics.median(times), "fastest": min(times), "slowest": max(times)}
    return {name: round(value) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", help="scikit-image's coffee, enlarged to 768x512, if not given")
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    if args.picture:
        image = Image.open(args.picture).convert("RGB")
    else:
        image = Image.fromarray(skimage.data.coffee()).resize((768, 512), Image.Resampling.LANCZOS)
    model = find_model(args.model).load()
    data = encode(np.array(image), quality=args.quality, model=args.model)
    engine = engine_files()
    scripts = [(BROWSER / name).read_bytes() for name in ("lic.js", "lic-service-worker.js")]
    sizes = {
        "decoder": sum(map(len, [*engine.values(), *scripts])),
        "model": sum(map(len, model_files([model]).values())),
        "page without pictures": len(viewer_page([], [model]).encode()),
    }
    times = {}
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as folder, chromium(program, Path(folder, "profile")) as tab:
        for name in engine:
            if name.endswith(".wasm"):
                files = engine | {"lic-simd.wasm": engine[name]}
                viewer.engine_files = lambda files=files: files
                page = Path(folder, "page.html")
                page.write_bytes(viewer_page([], [model]).encode())
                tab.open(page.as_uri())
                times[name] = milliseconds(tab, data)
                print(name, times[name], flush=True)
        browser = tab.call("Runtime.evaluate", expression="navigator.userAgent")["result"]["value"]
    print(sizes, browser)
    if args.json:
        what = {"model": f"{model.name} {model.fingerprint.hex()}", "pixels": image.size, "quality": args.quality}
        content = {"machine": describe_machine(), "runs": RUNS, **what, "milliseconds": times, "bytes": sizes}
        version = browser.partition("Chrome/")[2].split(".")[0]
        args.json.write_text(json.dumps(content | {"browser": f"Chromium {version}"}, indent=1) + "\n")


if __name__ == "__main__":
    main()
