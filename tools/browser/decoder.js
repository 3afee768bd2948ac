// Decodes .lic files to pixels, by the files before this one. Runs in a worker of lic.js, which it answers, in the
// service worker, and in other scripts, as `licDecoder`.

const MAX_PIXELS = 2 ** 25; // computed for a picture, unless the caller allows more

function storedPixels(file) {
  const { width, height, grey, sections, latents } = file;
  const stored = sections.get("S");
  const channels = grey ? 1 : 3;
  if (latents.length || stored.length !== width * height * channels) throw wrongStored(stored, file);
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = stored[i * channels + (grey ? 0 : c)];
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

const wrongStored = (stored, { width, height }) =>
  new LicError("Corrupt", `the file stores ${stored.length} bytes of a picture of ${width} x ${height}: ${FRESH}`);

async function addAlpha(pixels, file) {
  const alpha = file.sections.get("A");
  if (!alpha?.length) return;
  const stored = file.sections.has("S");
  if (stored && alpha.length !== file.width * file.height) throw wrongStored(alpha, file);
  const plane = stored ? alpha : await planeOf(alpha, file);
  for (let i = 0; i < file.width * file.height; i++) pixels[4 * i + 3] = plane[i];
}

// The quality of a position, from 1 to 100, by those of a model's lambda points.
function qualityOf(position, qualities) {
  const k = position >> 8;
  const after = qualities[Math.min(k + 1, qualities.length - 1)];
  return Math.min(Math.max(qualities[k] + ((after - qualities[k]) * (position & 255)) / 256, 1), 100);
}

// Decodes files. `getFile` gives the bytes of the engine and of models by their names, e.g. over the network.
class Decoder {
  constructor(getFile, maxPixels = MAX_PIXELS) {
    this.getFile = getFile;
    this.maxPixels = maxPixels;
    this.networks = new Map(); // of promises, by fingerprint: each has an engine with memory of its own
  }

  // { width, height, pixels (R, G, B, A), ... }; `done` is called with the share of the work that is done.
  async decode(bytes, done = () => {}) {
    const file = parse(bytes);
    const about = this.about(file, bytes);
    this.checkSize(file);
    let start = performance.now();
    let pixels;
    if (file.sections.has("W")) pixels = await losslessPixels(file);
    else if (file.sections.has("S")) pixels = storedPixels(file);
    else {
      const { engine, model, network } = await this.network(file);
      start = performance.now();
      about.quality = qualityOf(file.position, model.qualities);
      about.model = model.name;
      const point = operatingPoint(model, file.position);
      pixels = engine.scope(() => {
        const latents = latentsOf(engine, file, model, point);
        return network.pixels(file, latents, point.trust, done);
      });
    }
    await addAlpha(pixels, file);
    return { ...about, pixels, milliseconds: performance.now() - start }; // without loading the model
  }

  about(file, bytes) {
    const { width, height, fingerprint, exact, sections } = file;
    const grey = file.grey && !file.asRgb;
    const [exif, icc, packedIcc] = ["e", "i", "p"].map((tag) => sections.get(tag));
    const alpha = sections.has("A");
    return { width, height, grey, alpha, fingerprint, exact, size: bytes.length, exif, icc, packedIcc };
  }

  // The bits of the latents at each of rows x columns positions; null for a picture that is kept without loss.
  async bits(bytes) {
    const file = parse(bytes);
    this.checkSize(file);
    if (file.exact) return null;
    const { engine, model } = await this.network(file);
    const point = operatingPoint(model, file.position);
    const { rows, columns } = file;
    return { rows, columns, bits: engine.scope(() => bitsOf(engine, file, model, point)) };
  }

  // The integer latents, for tests.
  async symbols(bytes) {
    const file = parse(bytes);
    const { engine, model } = await this.network(file);
    return engine.scope(() => symbolsOf(engine, file, model, operatingPoint(model, file.position)));
  }

  checkSize({ width, height, rows, columns }) {
    const pixels = rows * columns * BLOCK * BLOCK;
    if (pixels <= this.maxPixels) return;
    const claim = `the file declares a picture of ${width} x ${height}`;
    throw new LicError("TooLarge", `${claim}, beyond the ${this.maxPixels} pixels that are decoded here: use \`lic decode\``);
  }

  async network(file) {
    const { fingerprint, position } = file;
    if (!this.networks.has(fingerprint)) this.networks.set(fingerprint, this.load(fingerprint));
    let found;
    try {
      found = await this.networks.get(fingerprint);
    } catch (error) {
      this.networks.delete(fingerprint); // so that it is tried again
      throw error;
    }
    const last = 256 * (found.model.qualities.length - 1);
    if (position > last)
      throw new LicError("Corrupt", `the file claims rate position ${position}, its model ends at ${last}`);
    return found;
  }

  async load(fingerprint) {
    const packed = await this.getFile(`${fingerprint}.licmodel`);
    if (!packed) throw new LicError("ModelNotFound", `the file needs model ${fingerprint}, which is not here: use \`lic decode\``);
    const engine = await Engine.load(this.getFile);
    try {
      const model = await unpackModel(packed);
      return { engine, model, network: new Network(engine, model) };
    } catch (error) {
      if (error instanceof LicError) throw error;
      throw new LicError("BadModel", `the model ${fingerprint} is damaged (${error.message}): copy it again`);
    }
  }
}

// Refuse a WebP file that is not just an opaque picture of the right size without loss: other chunks or an alpha plane
// are applied by some decoders and not by others.
function checkLossless(payload, { width, height }) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const wanted = [0x52494646, payload.length - 8, 0x57454250, 0x5650384c]; // RIFF, WEBP, VP8L
  const content = payload.length > 25 ? view.getUint32(16, true) : 0;
  const whole = content >= 5 && payload.length === 20 + content + (content & 1);
  const found = whole ? [0, 4, 8, 12].map((at) => view.getUint32(at, at === 4)) : [];
  const sides = whole && payload[20] === 0x2f ? view.getUint32(21, true) : -1; // 14 bits each; then alpha and version
  const small = Math.max(width, height) < 2 ** 14;
  if (!small || wanted.some((value, i) => value !== found[i]) || sides !== ((width - 1) | ((height - 1) << 14)))
    throw new LicError("Corrupt", `the file's pixels are no lossless WebP file of ${width} x ${height}: ${FRESH}`);
}

async function losslessPixels(file) {
  const { width, height, grey, sections, latents } = file;
  const payload = sections.get("W");
  if (latents.length || sections.has("S"))
    throw new LicError("Corrupt", `the file holds its picture more than once: ${FRESH}`);
  checkLossless(payload, file);
  let bitmap;
  try {
    const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    bitmap = await createImageBitmap(new Blob([payload], { type: "image/webp" }), options);
  } catch {
    throw new LicError("Corrupt", `the file's pixels do not decode: ${FRESH}`);
  }
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  for (let i = 0; grey && i < pixels.length; i += 4)
    if (pixels[i] !== pixels[i + 1] || pixels[i] !== pixels[i + 2])
      throw new LicError("Corrupt", `the file's pixels have colours, and it says that they are grey: ${FRESH}`);
  return pixels;
}

globalThis.licDecoder = { Decoder, pngOf };

// In a worker of lic.js: { id, task, bytes } is answered by { id, result } or { id, error }, with { id, progress }
// before; { file: name } asks for a file, which comes as { file: name, bytes }.
if (typeof DedicatedWorkerGlobalScope !== "undefined" && self instanceof DedicatedWorkerGlobalScope) {
  const waiting = new Map();
  const getFile = (name) =>
    new Promise((resolve, reject) => {
      waiting.set(name, { resolve, reject });
      postMessage({ file: name });
    });
  const decoder = new Decoder(getFile);
  const tasks = {
    decode: async (bytes, id) => {
      const { exif, icc, packedIcc, ...picture } = await decoder.decode(bytes, (progress) => postMessage({ id, progress }));
      // Browsers convert the colours of files, not those of arrays: a picture with a profile goes there as PNG, too.
      const coloured = (icc || packedIcc) && (await pngOf({ ...picture, icc, packedIcc }));
      return { ...picture, coloured, orientation: orientation(exif) };
    },
    bits: (bytes) => decoder.bits(bytes),
    symbols: (bytes) => decoder.symbols(bytes),
    png: async (bytes) => pngOf(await decoder.decode(bytes)),
  };
  let last = Promise.resolve(); // one picture at a time: that is fastest, and needs the least memory
  addEventListener("message", ({ data: { id, task, bytes, file, error } }) => {
    if (file) {
      const { resolve, reject } = waiting.get(file);
      return error ? reject(new LicError(error.name, error.message)) : resolve(bytes);
    }
    last = last.then(async () => {
      try {
        const result = await tasks[task](bytes, id);
        postMessage({ id, result }, result?.pixels ? [result.pixels.buffer] : []);
      } catch (failure) {
        postMessage({ id, error: { name: failure.name, message: failure.message } });
      }
    });
  });
}
