"""The page of `lic page --compare`: a picture by lic, encoded in the page, beside the encoders that the browser has."""

from collections.abc import Sequence

from lic.codec.model.frozen import FrozenModel
from lic.tools.pages import page, viewer
from lic.tools.pages.slider import stage
from lic.tools.pages.viewer import Picture

QUALITY = 50


def trial_page(given: Sequence[Picture], models: Sequence[FrozenModel]) -> str:
    """The whole page, which works offline and encodes by the last of these models.

    It begins with a picture, or with a picture and its .lic file, if they are given.
    """
    example = viewer.held("example", viewer.EXAMPLE.read_bytes())
    body = f"""<main>
<h1 id="title">Compare for yourself</h1>
<button id="drop" type="button"><strong>Drop a picture here</strong>, perhaps with its .lic file, or click to choose
them. This browser encodes and decodes them; nothing is sent anywhere.</button>
<button id="example" type="button">Take an example</button>
<input id="files" type="file" multiple hidden aria-label="a picture, perhaps with its .lic file">
<p id="said" role="status"></p>
<div id="making"><label>quality <input id="quality" type="range" min="1" max="100" value="{QUALITY}">
<output id="quality-text">{QUALITY}</output></label><button id="save" type="button">Save .lic</button></div>
{stage("", 1, 1, "", "")}
<div id="numbers"><div class="scrolls" tabindex="0"><table class="numbers"><thead><tr><th scope="col">codec</th>
<th scope="col">bytes</th><th scope="col">bit/px</th><th scope="col">PSNR RGB, dB</th></tr></thead>
<tbody id="rows"></tbody></table></div>
<p class="note">AVIF, WebP and JPEG are those of this browser, as far as it has them, each by its largest file that is
no larger than that of lic. Better encoders exist: <code>lic compare</code> has them.</p></div>
</main>
{viewer.names_inside(given)}
{example}{viewer.decoder_inside(given, models, models[-1:])}"""
    style = page.asset("compare.css") + page.asset("trial.css")
    script = "".join(map(page.asset, ("stage.js", "compare.js", "trial.js")))
    return page.page("lic: compare for yourself", body, style=style, script=script, policy=viewer.ALONE)
