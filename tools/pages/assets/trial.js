// A picture that is dropped on the page, encoded here or with the .lic file that comes with it, beside the same picture by
// the browser's own encoders in at most as many bytes.

const TYPES = { AVIF: "image/avif", WebP: "image/webp", JPEG: "image/jpeg" }; // where canvas has an encoder
const MAGIC = [76, 73, 67]; // "LIC"
const opened = { original: null, lic: null }; // what has been dropped last; lic is null if it is to be encoded here
const made = new Map(); // the versions of a picture: { label, pixels, size }
let shown = null; // the original that they are of
let saved = null; // the bytes of the .lic file among them
let turn = 0; // of comparisons: a newer one ends an older one
let busy = false;

async function open(files) {
  const found = {};
  for (const file of files) {
    const start = new Uint8Array(await file.slice(0, 3).arrayBuffer());
    found[MAGIC.every((byte, i) => byte === start[i]) ? "lic" : "original"] = file;
  }
  if (found.original && opened.original) opened.lic = null; // of the picture before
  Object.assign(opened, found);
  if (opened.original) await compare();
  else if (opened.lic) say("Now the picture that it was made of.");
}

function say(text) {
  $("said").textContent = text;
}

// One at a time: what is being compared when something changes is begun anew.
async function compare() {
  turn++;
  if (busy) return;
  busy = true;
  for (let mine; mine !== turn; ) {
    mine = turn;
    await compareOnce(() => mine !== turn).catch((error) => mine === turn && say(error.message));
  }
  busy = false;
}

async function compareOnce(isOver) {
  const { original, lic: file } = opened;
  const quality = $("quality").valueAsNumber;
  const isNew = original !== shown;
  const pixels = isNew ? await pixelsOf(original).catch(() => null) : made.get("Original").pixels;
  if (!pixels) throw new Error(`${original.name} is no picture that this browser can read`);
  if (!file) say("encoding lic");
  const bytes = file ? new Uint8Array(await file.arrayBuffer()) : await encodeByLic(pixels, quality, isOver);
  if (isOver()) return;
  say("decoding lic");
  const decoded = await lic.decode(bytes, { progress: (done) => tellShare("decoding lic", done) });
  if (decoded.width !== pixels.width || decoded.height !== pixels.height)
    throw new Error(
      `${file.name} is ${decoded.width} x ${decoded.height}, ${original.name} ${pixels.width} x ${pixels.height}: ` +
        "they are not the same picture",
    );
  if (isOver()) return;
  if (isNew) made.clear();
  if (isNew) [choice.left, choice.right].forEach((select) => select.replaceChildren());
  [shown, saved] = [original, bytes];
  made.set("Original", { label: "Original", pixels, size: original.size });
  made.set("lic", { label: file ? "lic" : `lic, quality ${quality}`, pixels: decoded, size: bytes.length });
  present(original.name, [...made.values()]);
  for (const [label, type] of Object.entries(TYPES)) {
    say(`encoding ${label}`);
    const blob = await largestWithin(bytes.length, toCanvas(pixels), type, isOver);
    if (isOver()) return;
    if (!blob) continue;
    made.set(label, { label, pixels: await pixelsOf(blob), size: blob.size });
    present(original.name, [...made.values()]);
  }
  say("");
}

// By lic. It is stopped between two of its chunks if something has changed meanwhile.
function encodeByLic(pixels, quality, isOver) {
  const stop = new AbortController();
  const progress = (done) => {
    if (!isOver()) tellShare("encoding lic", done);
    else if (done && done < 1) stop.abort();
  };
  return lic.encode(pixels, { quality, progress, signal: stop.signal });
}

function tellShare(doing, done) {
  if (done) say(`${doing}: ${Math.round(100 * done)} %`);
}

// The largest file of at most so many bytes, or the smallest; null if the browser has no encoder of that type.
async function largestWithin(size, canvas, type, isOver) {
  const encode = (quality) => new Promise((done) => canvas.toBlob(done, type, quality));
  let best = await encode(0);
  if (best?.type !== type) return null;
  for (let low = 0, step = 0.5; step > 0.004 && !isOver(); step /= 2) {
    const blob = await encode(low + step);
    if (blob.size > size) continue;
    low += step;
    best = blob;
  }
  return best;
}

async function pixelsOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

function toCanvas(pixels) {
  const canvas = Object.assign(document.createElement("canvas"), { width: pixels.width, height: pixels.height });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

// Of R, G and B at 8 bits, in decibels.
function psnr(a, b) {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) if (i % 4 < 3) sum += (a.data[i] - b.data[i]) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / ((3 * a.data.length) / 4)));
}

function present(name, made) {
  const [{ pixels: original }] = made;
  const { width, height } = original;
  const limit = made[1].size;
  const rows = made.map(({ label, pixels, size }, i) => {
    const bits = (8 * size) / (width * height);
    const told = size.toLocaleString("en") + (i > 1 && size > limit ? ", its smallest" : "");
    return [label, told, bits.toFixed(3), i ? psnr(original, pixels).toFixed(2) : "-"];
  });
  const canvases = made.map(({ label, pixels }, i) => {
    const canvas = toCanvas(pixels);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    const [, size, bits, decibels] = rows[i];
    const quality = i ? `PSNR ${decibels} dB` : `${width} x ${height} pixels`;
    canvas.dataset.caption = `${label}\n${size} bytes (${bits} bit/px)\n${quality}`;
    return canvas;
  });
  Object.assign($("paper").dataset, { width, height });
  $("paper").replaceChildren(...canvases);
  for (const [select, first] of [[choice.left, 1], [choice.right, 2]]) {
    const before = select.length > first ? Number(select.value) : first; // what its user has chosen
    select.replaceChildren(...made.map(({ label }, i) => new Option(`${i + 1} ${label}`, i)));
    select.value = Math.min(before, made.length - 1);
  }
  const best = Math.max(...rows.slice(1).map((row) => Number(row[3])));
  $("rows").replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      for (const text of row) line.insertCell().textContent = text;
      line.cells[3].className = Number(row[3]) === best ? "best" : "";
      return line;
    }),
  );
  document.title = $("title").textContent = `${name}: ${made.length - 1} codecs in ${rows[1][1]} bytes`;
  document.body.classList.remove("empty");
  show();
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([saved], { type: "image/x-lic" }));
  link.download = `${shown.name.replace(/\.[^.]*$/, "")}.lic`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

document.body.classList.add("empty");
$("quality").addEventListener("input", () => {
  $("quality-text").textContent = $("quality").value;
  opened.lic = null;
  compare();
});
$("save").addEventListener("click", save);
$("example").addEventListener("click", async () => open([new File([await lic.file("example")], "coffee.webp")]));
$("drop").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => open($("files").files));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  open(event.dataTransfer.files);
});
addEventListener("paste", (event) => open(event.clipboardData.files));

// The pictures that come with the page.
const given = JSON.parse($("pictures").textContent);
if (given.length) open(await Promise.all(given.map(async ({ name, file }) => new File([await lic.file(file)], name))));
