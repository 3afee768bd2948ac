// Pictures of a page, or of a script, as .lic files.

const DEFAULT_QUALITY = 65;

// The bytes of a .lic file of an ImageData, of a picture file (a Blob), or of what a canvas can draw.
async function encode(image, { quality = DEFAULT_QUALITY, model = modelHere(), ...options } = {}) {
  const { width, height, data: pixels } = await pixelsOf(image);
  return ask("encode", { width, height, pixels, quality: Number(quality), fingerprint: model }, options);
}

// In sRGB, the right way up.
async function pixelsOf(image) {
  if (image instanceof ImageData && (image.colorSpace ?? "srgb") === "srgb" && image.data instanceof Uint8ClampedArray) return image;
  const drawn = image instanceof Blob ? await read(image) : image;
  const width = drawn.naturalWidth ?? drawn.videoWidth ?? drawn.displayWidth ?? drawn.width;
  const height = drawn.naturalHeight ?? drawn.videoHeight ?? drawn.displayHeight ?? drawn.height;
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
  if (image instanceof ImageData) context.putImageData(image, 0, 0);
  else context.drawImage(drawn, 0, 0);
  return context.getImageData(0, 0, width, height);
}

const read = (blob) =>
  createImageBitmap(blob).catch(() => {
    throw Object.assign(new Error("this browser cannot read the picture"), { name: "BadImage" });
  });

// The one model of which the encoder's part is beside lic.js, or in the page.
function modelHere() {
  const inside = Array.from(document.querySelectorAll("script[data-file]"), (held) => held.dataset.file);
  const found = [...Object.keys(BESIDE), ...inside].flatMap((name) => ENCODER.exec(name)?.[1] ?? []);
  if (found.length === 1) return found[0];
  const reason = found.length ? `give the fingerprint of one: ${found.join(", ")}` : "there is none beside lic.js";
  throw Object.assign(new Error(`which model is to encode? \`model\` names it; ${reason}`), { name: "ModelNotFound" });
}
