// Decodes .lic files to pixels, by the files before this one, which have the arithmetic. Other scripts know `Decoder` only:
// its methods take the bytes of a file.

const MAX_PIXELS = 2 ** 25; // computed for a picture, unless the caller allows more
const SOON = 2 ** 18; // pixels up to which a picture is there so soon that a preview would only flicker

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

  // { width, height, pixels (R, G, B, A), ... }; `done` is called with the share of the work that is done, and `show`,
  // before, with a small picture of a large one, if the model has a network for it: { width, height, pixels }.
  async decode(bytes, done = () => {}, show = null) {
    const file = parse(bytes);
    const about = this.about(file, bytes);
    this.checkSize(file);
    let start = performance.now();
    let pixels;
    if (file.sections.has("W")) pixels = this.losslessPixels(file);
    else if (file.sections.has("S")) pixels = storedPixels(file);
    else {
      const { model, network } = await this.network(file);
      start = performance.now();
      about.quality = qualityOf(file.position, model.qualities);
      about.model = model.name;
      const soon = file.width * file.height <= SOON || about.alpha || about.icc || about.packedIcc;
      const preview = show && !soon && network.preview(file);
      if (preview) show(preview);
      pixels = network.pixels(file, done);
    }
    await this.addAlpha(pixels, file);
    return { ...about, pixels, milliseconds: performance.now() - start }; // without loading the model
  }

  async addAlpha(pixels, file) {
    const alpha = file.sections.get("A");
    if (!alpha?.length) return;
    const stored = file.sections.has("S");
    if (stored && alpha.length !== file.width * file.height) throw wrongStored(alpha, file);
    const plane = stored ? alpha : await planeOf(alpha, file);
    for (let i = 0; i < file.width * file.height; i++) pixels[4 * i + 3] = plane[i];
  }

  losslessPixels(file) {
    const { width, height, grey, sections, latents } = file;
    const payload = sections.get("W");
    if (latents.length || sections.has("S"))
      throw new LicError("Corrupt", `the file holds its picture more than once: ${FRESH}`);
    checkLossless(payload, file);
    let pixels;
    try {
      pixels = losslessColours(payload.subarray(20), width, height);
    } catch (error) {
      throw new LicError("Corrupt", `the file's pixels do not decode (${error.message}): ${FRESH}`);
    }
    for (let i = 0; grey && i < pixels.length; i += 4)
      if (pixels[i] !== pixels[i + 1] || pixels[i] !== pixels[i + 2])
        throw new LicError("Corrupt", `the file's pixels have colours, and it says that they are grey: ${FRESH}`);
    return pixels;
  }

  // The same, turned the right way up; `show` is told the size of the `whole` picture, too.
  async upright(bytes, done, show = null) {
    const { width, height, sections } = parse(bytes);
    const turn = orientation(sections.get("e"));
    const whole = turn > 4 ? { width: height, height: width } : { width, height };
    const turned = ({ width, height, pixels, ...more }) => {
      const values32 = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height);
      const { values, ...size } = upright(values32, width, height, turn);
      return { ...more, ...size, pixels: new Uint8ClampedArray(values.buffer, values.byteOffset, 4 * values.length) };
    };
    const picture = await this.decode(bytes, done, show && ((preview) => show({ ...turned(preview), whole })));
    return { ...turned(picture), exif: withoutOrientation(picture.exif) };
  }

  // A PNG file of it.
  async png(bytes) {
    return pngOf(await this.upright(bytes));
  }

  about(file, bytes) {
    const { width, height, fingerprint, lossless, sections } = file;
    const grey = file.grey && !file.asRgb;
    const [exif, icc, packedIcc] = ["e", "i", "p"].map((tag) => sections.get(tag));
    const alpha = sections.has("A");
    return { width, height, grey, alpha, fingerprint, lossless, size: bytes.length, exif, icc, packedIcc };
  }

  // The bits of the latents at each of rows x columns positions, the right way up; null for a lossless picture.
  async bits(bytes) {
    const file = parse(bytes);
    this.checkSize(file);
    if (file.lossless) return null;
    const { engine, model, network } = await this.network(file);
    const found = network.at(file.position, (rate) => bitsOf(engine, file, model, rate));
    const { width, height, values } = upright(found, file.columns, file.rows, orientation(file.sections.get("e")));
    return { rows: height, columns: width, bits: values };
  }

  // The integer latents, for tests.
  async symbols(bytes) {
    const file = parse(bytes);
    const { engine, model, network } = await this.network(file);
    return network.at(file.position, (rate) => symbolsOf(engine, file, model, rate));
  }

  checkSize({ width, height, rows, columns, lossless }) {
    const pixels = lossless ? width * height : rows * columns * BLOCK * BLOCK;
    if (pixels <= this.maxPixels) return;
    const claim = `the file declares a picture of ${width} x ${height}`;
    throw new LicError("TooLarge", `${claim}, beyond the ${this.maxPixels} pixels that are decoded here: use \`lic decode\``);
  }

  async network(file) {
    const { fingerprint, position } = file;
    const found = await this.prepare(fingerprint);
    const last = 256 * (found.model.qualities.length - 1);
    if (position > last)
      throw new LicError("Corrupt", `the file claims rate position ${position}, its model ends at ${last}`);
    return found;
  }

  // A model that is loaded once.
  async prepare(fingerprint) {
    if (!this.networks.has(fingerprint)) this.networks.set(fingerprint, this.load(fingerprint));
    try {
      return await this.networks.get(fingerprint);
    } catch (error) {
      this.networks.delete(fingerprint); // so that it is tried again
      throw error;
    }
  }

  async load(fingerprint) {
    const loading = Engine.load(this.getFile); // fetched together with the model
    loading.catch(() => {}); // nobody waits for it if there is no model
    const packed = await this.getFile(`${fingerprint}.licmodel`);
    if (!packed) throw new LicError("ModelNotFound", `the file needs model ${fingerprint}, which is not here: use \`lic decode\``);
    const engine = await loading;
    try {
      const model = await unpackModel(packed);
      return { engine, model, network: new Network(engine, model) };
    } catch (error) {
      if (error instanceof LicError) throw error;
      throw new LicError("BadModel", `the model ${fingerprint} is damaged (${error.message}): copy it again`);
    }
  }
}

// Refuse a WebP file that is not just a lossless, opaque picture of the right size: other chunks or an alpha plane
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

globalThis.LicDecoder = Decoder;
globalThis.licPictures = { recall, keep };
