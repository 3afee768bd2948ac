// The versions of a picture, which are elements in the stage: which two are seen, and what is said of them.

const $ = (id) => document.getElementById(id);
const versions = () => [...document.querySelectorAll("#paper > *")];
const choice = { left: $("left"), right: $("right") };
const zoom = $("zoom");

const stage = new Stage({
  stage: $("stage"),
  paper: $("paper"),
  divider: $("divider"),
  size: () => ({ width: Number($("paper").dataset.width), height: Number($("paper").dataset.height) }),
  room: () => Math.max(240, 0.78 * innerHeight),
  onchange: showZoom,
});

function show() {
  const all = versions();
  for (const side of ["left", "right"]) {
    all.forEach((version, i) => version.classList.toggle(side, i === Number(choice[side].value)));
    const { caption, state } = all[choice[side].value].dataset;
    $(`${side}-caption`).textContent = state ? `${caption.split("\n")[0]}\n${state}` : caption;
  }
  stage.draw();
}

function showZoom() {
  const step = stage.steps().indexOf(stage.scale);
  zoom.options[4].hidden = step >= 0;
  zoom.options[4].textContent = `${Math.round(100 * (stage.scale ?? 0) * devicePixelRatio)} %`;
  zoom.selectedIndex = step >= 0 ? step : 4;
  $("captions").style.width = $("stage").style.width;
}

function swap() {
  [choice.left.value, choice.right.value] = [choice.right.value, choice.left.value];
  show();
}

for (const select of [choice.left, choice.right]) select.addEventListener("change", show);
zoom.addEventListener("change", () => stage.zoom(stage.steps()[zoom.selectedIndex]));
$("swap").addEventListener("click", swap);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, [tabindex]:not(#divider)")) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit && Number(digit[1]) <= versions().length) {
    choice[event.shiftKey ? "left" : "right"].value = Number(digit[1]) - 1;
    show();
  } else if (event.key === "x") swap();
  else return stage.key(event);
  return event.preventDefault();
});

// Versions that are .lic files are decoded here. Until then nothing is seen in their place.
for (const canvas of document.querySelectorAll("[data-lic]")) {
  canvas.dataset.state = "being decoded";
  lic
    .file(canvas.dataset.lic)
    .then((bytes) => lic.picture(bytes, { progress: (done) => tell(canvas, `being decoded: ${Math.round(100 * done)} %`) }))
    .then(lic.draw)
    .then(
      (decoded) => {
        [canvas.width, canvas.height] = [decoded.width, decoded.height];
        canvas.getContext("2d").drawImage(decoded, 0, 0);
        tell(canvas, "");
      },
      (error) => tell(canvas, `cannot be decoded: ${error.message}`),
    );
}

function tell(version, state) {
  version.dataset.state = state;
  show();
}

if (versions().length) show();
