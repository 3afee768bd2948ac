// The viewer: a list of .lic files, one of them shown. `lic` (browser/lic.js) decodes.
const $ = (id) => document.getElementById(id);
const [strip, frame, meter] = ["strip", "frame", "meter"].map($);
const ZOOMS = ["fit", "1", "2", "4"];
const KEPT = 4; // decoded pictures that stay in memory
const items = []; // { name, bytes, button, thumbnail, decoded, bits, seconds, error }
let current = null;
let recent = []; // items whose pixels are kept
let zoom = 0;
let bitsShown = false;

// ---- files ----

function add(name, bytes) {
  const button = document.createElement("button");
  const thumbnail = document.createElement("canvas");
  const label = document.createElement("span");
  const item = { name, bytes, button, thumbnail };
  thumbnail.width = thumbnail.height = 0;
  label.textContent = name;
  button.type = "button";
  button.title = name;
  button.append(thumbnail, label);
  button.addEventListener("click", () => select(item));
  strip.append(button);
  items.push(item);
  strip.hidden = $("others").hidden = items.length < 2;
  document.body.classList.remove("empty");
  return item;
}

async function open(files) {
  const added = await Promise.all(
    [...files].map(async (file) => add(file.name, new Uint8Array(await file.arrayBuffer()))),
  );
  if (added.length) await select(added[0]);
}

// ---- decoding ----

async function decode(item) {
  if (item.decoded || item.error) return;
  try {
    const progress = (done) => item === current && showProgress(done);
    item.decoded = await lic.picture(item.bytes, { progress, urgency: () => Number(item === current) });
    item.seconds = item.decoded.milliseconds / 1000;
    recent = [item, ...recent.filter((other) => other !== item)];
    for (const old of recent.splice(KEPT)) if (old !== current) old.decoded = null;
  } catch (error) {
    item.error = error.message;
  }
  item.button.classList.toggle("failed", Boolean(item.error));
}

async function select(item) {
  current = item;
  for (const other of items) other.button.setAttribute("aria-current", other === item);
  item.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (!item.decoded && !item.error) showProgress(0);
  await decode(item);
  if (item !== current) return;
  meter.hidden = true;
  $("error").textContent = item.error ? `${item.name}: ${item.error}` : "";
  $("failed").hidden = !item.error;
  $("shown").hidden = Boolean(item.error);
  if (item.error) return;
  const canvas = put("picture", await lic.draw(item.decoded));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", item.name);
  drawThumbnail(item, canvas);
  showFacts(item);
  applyZoom();
  await showBits();
}

// A canvas in the place of the one of that name.
function put(id, canvas) {
  canvas.id = id;
  canvas.hidden = $(id).hidden;
  $(id).replaceWith(canvas);
  return canvas;
}

function showProgress(done) {
  meter.hidden = false;
  meter.value = done;
}

function drawThumbnail({ thumbnail }, from) {
  const scale = 144 / Math.max(from.width, from.height);
  thumbnail.width = Math.max(1, Math.round(scale * from.width));
  thumbnail.height = Math.max(1, Math.round(scale * from.height));
  const context = thumbnail.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(from, 0, 0, thumbnail.width, thumbnail.height);
}

// ---- facts ----

const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function size(bytes) {
  return bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${number(bytes / 1000, 1)} kB` : `${number(bytes / 1e6, 2)} MB`;
}

function showFacts({ name, decoded, seconds }) {
  const { width, height, grey, alpha, lossless, quality, model } = decoded;
  const pixels = width * height;
  const raw = pixels * ((grey ? 1 : 3) + (alpha ? 1 : 0));
  const kind = `${grey ? "grey" : "colour"}${alpha ? " with transparency" : ""}`;
  const facts = {
    picture: `${number(width)} × ${number(height)} pixels, ${kind}`,
    size: `${number(decoded.size)} bytes, ${number((8 * decoded.size) / pixels, 3)} bits per pixel`,
    quality: lossless ? "lossless" : `${number(quality, 1)} of 100, model ${model}`,
    decoded: `in ${number(seconds, 2)} s, here in the browser`,
  };
  const ratio = `1 : ${number(raw / decoded.size, raw < 10 * decoded.size ? 1 : 0)}`;
  const small = document.createElement("small");
  small.textContent = name;
  $("lead").replaceChildren(`${size(decoded.size)} · ${ratio} · ${number(width)} × ${number(height)}`, small);
  $("facts").replaceChildren(
    ...Object.entries(facts).flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = term;
      dd.textContent = text;
      return [dt, dd];
    }),
  );
  $("bits").disabled = lossless;
  document.title = `${name}: lic`;
}

// ---- bits ----

// The colours of `lic report`: matplotlib's "magma", at nine values from 0 to 1.
const MAGMA = [
  [0, 0, 3],
  [28, 16, 70],
  [80, 18, 123],
  [130, 37, 129],
  [182, 54, 121],
  [230, 81, 98],
  [251, 136, 97],
  [254, 196, 136],
  [251, 252, 191],
];

function colour(t) {
  const at = 8 * Math.min(1, t);
  const [low, high] = [MAGMA[Math.floor(at)], MAGMA[Math.ceil(at)]];
  return [...low.map((value, i) => value + (at - Math.floor(at)) * (high[i] - value)), 255];
}
$("scale").style.background = `linear-gradient(90deg, ${MAGMA.map((rgb) => `rgb(${rgb.join(" ")})`)})`;

async function showBits() {
  const item = current;
  const wanted = bitsShown && item && !item.error && !item.decoded?.lossless;
  $("bits").setAttribute("aria-pressed", bitsShown);
  $("overlay").hidden = $("legend").hidden = true;
  $("paper").classList.remove("bits");
  if (!wanted) return;
  item.bits ??= await lic.bits(item.bytes, { urgency: () => Number(item === current) });
  if (item !== current || !item.decoded || !bitsShown) return;
  const { columns, bits } = item.bits;
  const most = Math.max(1, bits.slice().sort()[Math.floor(0.99 * (bits.length - 1))]); // some blocks have far more
  // At a quarter of the picture's size, so that a block is 4 x 4.
  const width = Math.ceil(item.decoded.width / 4);
  const height = Math.ceil(item.decoded.height / 4);
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 4) pixels.set(colour(bits[(y >> 2) * columns + (x >> 2)] / most), at);
  put("overlay", await lic.draw({ width, height, pixels })).hidden = $("legend").hidden = false;
  $("paper").classList.add("bits");
  $("legend-text").textContent = `0 to ${number(most)} bits or more in a block of 16 × 16 pixels`;
}

function toggleBits() {
  bitsShown = !bitsShown;
  return showBits();
}

// ---- what one can do ----

function applyZoom() {
  const fit = ZOOMS[zoom] === "fit";
  frame.classList.toggle("fit", fit);
  const scale = fit ? 1 : Number(ZOOMS[zoom]) / devicePixelRatio;
  frame.style.setProperty("--width", `${$("picture").width * scale}px`);
  frame.style.setProperty("--ratio", $("picture").width / $("picture").height);
  frame.classList.toggle("enlarged", scale * devicePixelRatio > 1);
  $("zoom-text").textContent = fit ? "fit" : `${ZOOMS[zoom]} : 1`;
  frame.scrollTo((frame.scrollWidth - frame.clientWidth) / 2, (frame.scrollHeight - frame.clientHeight) / 2);
}

function nextZoom() {
  zoom = (zoom + 1) % ZOOMS.length;
  applyZoom();
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function savePng() {
  if (!current || current.error) return;
  const { name, bytes } = current;
  download(await lic.png(bytes), `${name.replace(/\.lic$/i, "")}.png`);
}

function saveFile() {
  if (current) download(new Blob([current.bytes], { type: "application/octet-stream" }), current.name);
}

function remove() {
  if (!current) return;
  const at = items.indexOf(current);
  items.splice(at, 1);
  recent = recent.filter((item) => item !== current);
  current.button.remove();
  current = null;
  strip.hidden = $("others").hidden = items.length < 2;
  document.body.classList.toggle("empty", !items.length);
  $("failed").hidden = $("shown").hidden = true;
  if (items.length) select(items[Math.min(at, items.length - 1)]);
}

function step(by) {
  if (items.length) select(items[(items.indexOf(current) + by + items.length) % items.length]);
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
}

const ACTIONS = {
  open: [["o"], () => $("files").click()],
  bits: [["b"], toggleBits],
  zoom: [["z"], nextZoom],
  png: [["s"], savePng],
  lic: [["l"], saveFile],
  theme: [["t"], toggleTheme],
  remove: [["delete"], remove],
};
for (const [id, [, action]] of Object.entries(ACTIONS)) $(id).addEventListener("click", action);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const found = Object.values(ACTIONS).find(([keys]) => keys.includes(event.key.toLowerCase()));
  if (found) found[1]();
  else if (event.key === "ArrowRight" && ZOOMS[zoom] === "fit") step(1);
  else if (event.key === "ArrowLeft" && ZOOMS[zoom] === "fit") step(-1);
  else return;
  event.preventDefault();
});

$("drop").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => open($("files").files));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  open(event.dataTransfer.files);
});
addEventListener("paste", (event) => open(event.clipboardData.files));
addEventListener("resize", applyZoom);

document.body.classList.add("empty");
$("sheet").open = matchMedia("(min-width: 641px)").matches; // on a phone it is unfolded by a touch

// Drag to move a picture that is larger than the window.
frame.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "mouse" || event.button) return;
  const start = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
  const move = (now) => frame.scrollTo(start.x - now.clientX, start.y - now.clientY);
  frame.setPointerCapture(event.pointerId);
  frame.addEventListener("pointermove", move);
  frame.addEventListener("pointerup", () => frame.removeEventListener("pointermove", move), { once: true });
});

// The thumbnail of a picture that is not shown.
async function drawUnseen(item) {
  drawThumbnail(item, await lic.draw(item.decoded));
}

// An empty page may have an example to begin with.
async function offerExample() {
  const bytes = await lic.file("example.lic").catch(() => null);
  $("example").hidden = !bytes;
  $("example").addEventListener("click", () => select(add("example.lic", bytes)));
}

// The pictures that come with the page: the first is shown, the others get thumbnails.
(async () => {
  const given = JSON.parse($("pictures").textContent);
  for (const { name, file } of given) add(name, await lic.file(file));
  if (!items.length) return offerExample();
  await select(items[0]);
  for (const item of items.slice(1)) {
    await decode(item);
    if (item.decoded) await drawUnseen(item);
  }
})();
