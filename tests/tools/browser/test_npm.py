"""The folder for web sites as a package of npm, in an application with React that TypeScript checks and Vite builds."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lic import encode
from lic.tools.pages.viewer import models_of, picture_of, site_files
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab
from tests.tools.browser.site import STRICT, Site, serving
from tests.tools.browser.webdriver import Page

pytestmark = pytest.mark.slow
LIBRARIES = ("vite", "typescript", "react", "react-dom", "@types/react", "@types/react-dom")
OPTIONS = {
    **{"strict": True, "noEmit": True, "target": "es2022", "module": "esnext", "moduleResolution": "bundler"},
    **{"jsx": "react-jsx", "lib": ["es2022", "dom"]},
}
PAGE = '<!doctype html><title>t</title><div id="root"></div><script type="module" src="/main.tsx"></script>'
MAIN = """
import { createRoot } from "react-dom/client";
import { configure, decode, encode, type LicImage } from "lic-img";
import type {} from "lic-img/react";

declare global {
  var said: string[];
}
globalThis.said = [];
configure({ workers: 2 });

createRoot(document.getElementById("root")!).render(
  <lic-img src="/photo.lic" alt="A photo" width={300} height={200} loading="eager"
    onload={(event) => said.push(`${event.type} ${(event.target as LicImage).naturalWidth}`)}
    onerror={(event) => said.push(event.message)}>
    <img src="/photo.jpg" alt="A photo" />
  </lic-img>,
);

const bytes = new Uint8Array(await (await fetch("/photo.lic")).arrayBuffer());
const { width }: ImageData = await decode(bytes, { signal: new AbortController().signal });
said.push(`decoded ${width}`);
const white = new ImageData(new Uint8ClampedArray(4 * 32 * 32).fill(255), 32, 32);
const again: Uint8Array<ArrayBuffer> = await encode(white, { quality: 30 });
said.push(`encoded ${(await decode(again)).width}`);
"""


@pytest.fixture(scope="module")
def application(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application, built and served."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    folder, package = tmp_path_factory.mktemp("application"), tmp_path_factory.mktemp("package")
    picture = picture_of("photo.lic", encode(photo, quality=60, model="tiny"))
    for name, data in site_files([picture], models_of([picture])).items():
        (package / name).write_bytes(data)

    def run(*command: str) -> None:
        done = subprocess.run([npm, *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    for name, text in {
        "package.json": json.dumps({"private": True, "type": "module"}),
        "tsconfig.json": json.dumps({"compilerOptions": OPTIONS, "include": ["main.tsx"]}),
        "index.html": PAGE,
        "main.tsx": MAIN,
    }.items():
        (folder / name).write_text(text)
    (folder / "public").mkdir()
    (folder / "public" / picture.name).write_bytes(picture.data)
    run("pack", str(package))
    if subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", *LIBRARIES], cwd=folder, capture_output=True
    ).returncode:
        pytest.skip("npm cannot install vite, typescript and react")
    run("install", "--no-audit", "--no-fund", *map(str, folder.glob("lic-img-*.tgz")))
    run("exec", "--", "tsc")
    run("exec", "--", "vite", "build")
    with serving(folder / "dist") as site:
        site.headers["Content-Security-Policy"] = STRICT
        yield site


def test_an_application_shows_pictures(application: Site, page: Tab | Page) -> None:
    page.open(application.address)
    page.wait_for("window.said?.length >= 3")
    assert sorted(page.run("return said;")) == ["decoded 261", "encoded 32", "load 261"]
    assert page.run("return document.querySelector('lic-img').offsetWidth;") == 300
