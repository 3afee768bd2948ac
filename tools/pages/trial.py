"""The page of `lic page --compare`: a picture and its .lic file beside the encoders that the browser has."""

from collections.abc import Iterable, Sequence

from lic.codec.model.frozen import FrozenModel
from lic.tools.pages import page, viewer
from lic.tools.pages.slider import stage
from lic.tools.pages.viewer import Picture


def trial_page(given: Sequence[Picture], models: Iterable[FrozenModel]) -> str:
    """The whole page, which works offline; it begins with a picture and its .lic file, if both are given."""
    body = f"""<main>
<h1 id="title">Compare for yourself</h1>
<button id="drop" type="button"><strong>Drop a picture and its .lic file here</strong> or click to choose both. This
browser decodes and encodes them; nothing is sent anywhere.</button>
<input id="files" type="file" multiple hidden aria-label="a picture and its .lic file">
<p id="said" role="status"></p>
{stage("", 1, 1, "", "")}
<div id="numbers"><table class="numbers"><thead><tr><th scope="col">codec</th><th scope="col">bytes</th>
<th scope="col">bit/px</th><th scope="col">PSNR RGB, dB</th></tr></thead><tbody id="rows"></tbody></table>
<p class="note">AVIF, WebP and JPEG are those of this browser, as far as it has them, each by its largest file that is
no larger than that of lic. Better encoders exist: <code>lic compare</code> has them.</p></div>
</main>
{viewer.names_inside(given)}
{viewer.decoder_inside(given, models)}"""
    style = page.asset("compare.css") + page.asset("trial.css")
    script = "".join(map(page.asset, ("stage.js", "compare.js", "trial.js")))
    return page.page("lic: compare for yourself", body, style=style, script=script, policy=viewer.ALONE)
