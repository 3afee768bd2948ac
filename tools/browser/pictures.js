// What the workers decode, as pictures for pages and scripts.

// The picture of a file: { width, height, pixels (R, G, B, A), coloured (a PNG file if it has a colour profile), ... },
// the right way up.
async function picture(bytes, options) {
  const { coloured, ...found } = await ask("picture", bytes, options);
  return { ...found, coloured: coloured && new Blob([coloured], { type: "image/png" }) };
}

// A canvas with a picture in its colours. Those of a profile may lie outside of sRGB.
async function draw({ width, height, pixels, coloured }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { colorSpace: coloured ? "display-p3" : "srgb" });
  const image = new ImageData(pixels, width, height);
  const converted = coloured && (await createImageBitmap(coloured).catch(() => null)); // null: a damaged profile
  if (converted) context.drawImage(converted, 0, 0);
  else context.putImageData(image, 0, 0);
  return canvas;
}

// A canvas with a preview, in the size of the whole picture.
async function enlarged({ whole, ...preview }) {
  const canvas = Object.assign(document.createElement("canvas"), whole);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(await draw(preview), 0, 0, whole.width, whole.height);
  return canvas;
}

// For scripts: the pixels in sRGB, or in display-p3 where the picture has a profile.
async function decode(bytes, options) {
  const found = await picture(bytes, options);
  if (!found.coloured) return new ImageData(found.pixels, found.width, found.height);
  return (await draw(found)).getContext("2d").getImageData(0, 0, found.width, found.height);
}

// The bits of the latents of each block of 16 x 16 pixels: { rows, columns, bits }; null for a lossless picture.
const bits = (bytes, options) => ask("bits", bytes, options);

// The integer latents, channels x rows x columns.
const symbols = (bytes, options) => ask("symbols", bytes, options);

// The picture as a PNG file.
async function png(bytes, options) {
  return new Blob([await ask("png", bytes, options)], { type: "image/png" });
}

// A canvas for a page: from the pictures that were decoded before, or else decoded now, and kept.
async function paint(bytes, options) {
  const before = await recall(bytes);
  if (before) {
    const bitmap = await createImageBitmap(before.png);
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d", { colorSpace: before.wide ? "display-p3" : "srgb" }).drawImage(bitmap, 0, 0);
    return canvas;
  }
  const found = await picture(bytes, options);
  const canvas = await draw(found);
  whenIdle(() => canvas.toBlob((blob) => blob && keep(bytes, blob, Boolean(found.coloured), settings.keep), "image/png"));
  return canvas;
}

// On the first visit of a site, the decoder and its model are fetched together with the first picture.
async function prepare() {
  if (!crew.size && onlyModel() && !(await globalThis.caches?.has(KEPT).catch(() => true)) && !crew.size) hire();
}

function whenIdle(act) {
  if (globalThis.requestIdleCallback) requestIdleCallback(act, { timeout: 5000 });
  else setTimeout(act, 500);
}
