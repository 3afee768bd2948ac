// The viewer: a list of .lic files, one of them shown. `lic` (browser/lic.js) decodes.
"use strict";
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
  const { width, height, grey, alpha, exact, quality, model } = decoded;
  const pixels = width * height;
  const raw = pixels * ((grey ? 1 : 3) + (alpha ? 1 : 0));
  const kind = `${grey ? "grey" : "colour"}${alpha ? " with transparency" : ""}`;
  const facts = {
    file: name,
    picture: `${number(width)} × ${number(height)} pixels, ${kind}`,
    size: `${size(decoded.size)}, ${number((8 * decoded.size) / pixels, 3)} bits per pixel, 1 : ${number(raw / decoded.size, raw < 10 * decoded.size ? 1 : 0)}`,
    quality: exact ? "exact: kept without loss" : `${number(quality, 1)} of 100, model ${model}`,
    decoded: `in ${number(seconds, 2)} s, here in the browser`,
  };
  $("facts").replaceChildren(
    ...Object.entries(facts).flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = term;
      dd.textContent = text;
      return [dt, dd];
    }),
  );
  $("bits").disabled = exact;
  document.title = `${name}: lic`;
}

// ---- bits ----

// From transparent over blue and red to yellow, for 0 to 1.
const colour = (t) => [255 * Math.min(1, 2.2 * t), 255 * Math.max(0, 1.8 * t - 0.8), 160 * Math.max(0, 1 - 2 * t), 60 + 180 * t];

function shade(t) {
  const [red, green, blue, opacity] = colour(t);
  return `rgb(${red} ${green} ${blue} / ${opacity / 255})`;
}
$("scale").style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(shade)})`;

async function showBits() {
  const item = current;
  const wanted = bitsShown && item && !item.error && !item.decoded?.exact;
  $("bits").setAttribute("aria-pressed", bitsShown);
  $("overlay").hidden = $("legend").hidden = !wanted;
  if (!wanted) return;
  item.bits ??= await lic.bits(item.bytes);
  if (item !== current || !item.decoded) return;
  const { columns, bits } = item.bits;
  const most = bits.reduce((a, b) => Math.max(a, b), 1);
  // At a quarter of the picture's size, so that a block is 4 x 4.
  const width = Math.ceil(item.decoded.width / 4);
  const height = Math.ceil(item.decoded.height / 4);
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 4) pixels.set(colour(bits[(y >> 2) * columns + (x >> 2)] / most), at);
  put("overlay", await lic.draw({ width, height, pixels }));
  $("legend-text").textContent = `0 to ${number(most)} bits in a block of 16 × 16 pixels`;
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

// The pictures that come with the page: the first is shown, the others get thumbnails.
(async () => {
  const given = JSON.parse($("pictures").textContent);
  for (const { name, file } of given) add(name, await lic.file(file));
  if (!items.length) return;
  await select(items[0]);
  for (const item of items.slice(1)) {
    await decode(item);
    if (item.decoded) await drawUnseen(item);
  }
})();
