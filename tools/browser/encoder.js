// Encodes pictures: the same bytes as `lic encode --no-lossless --strip`, except for those of the alpha plane's PNG file.

// The position of a quality from 1 to 100, by those of a model's lambda points: codec/model/quality.py.
function positionOf(quality, qualities) {
  if (!(1 <= quality && quality <= 100))
    throw new LicError("BadSetting", `quality ${quality} is out of range: choose from 1 to 100`);
  const inside = Math.min(Math.max(quality, qualities[0]), qualities.at(-1));
  const k = Math.min(qualities.filter((one) => one <= inside).length, qualities.length - 1) - 1;
  if (k < 0) return 0;
  return roundToEven(256 * (k + (inside - qualities[k]) / (qualities[k + 1] - qualities[k])));
}

// As Python rounds.
const roundToEven = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

class Encoder {
  constructor(decoder) {
    this.decoder = decoder;
    this.added = new Map(); // promises of encoders' parts, by the model's fingerprint
  }

  // A picture { width, height, pixels (R, G, B, A) } as the bytes of a file. `done` is told the share of the work.
  async encode({ width, height, pixels, fingerprint, quality }, done) {
    const size = { rows: Math.ceil(height / BLOCK), columns: Math.ceil(width / BLOCK) };
    if (size.rows * size.columns * BLOCK * BLOCK > this.decoder.maxPixels)
      throw new LicError("TooLarge", `a picture of ${width} x ${height} is too large to be encoded here: use \`lic encode\``);
    const { engine, model, network } = await this.prepare(fingerprint);
    const position = positionOf(quality, model.qualities);
    const alpha = await alphaOf(pixels, width, height);
    if (alpha) fillHidden(pixels, width, height);
    return network.at(position, (rate) => {
      const colours = engine.allocate(3 * width * height);
      const grey = engine.scope(() => engine.run.take_colours(engine.put(pixels), width * height, colours));
      const latents = encodeChunks(engine, network, rate, colours, width, height, done);
      const raw = ((grey ? 1 : 3) + (alpha ? 1 : 0)) * width * height;
      const stored = latents.length + (alpha?.length ?? 0) > raw; // few pixels may occupy many blocks
      const sections = alpha ? [["A", stored ? samples(pixels, [3]) : alpha]] : [];
      if (stored) sections.push(["S", samples(pixels, grey ? [0] : [0, 1, 2])]);
      sections.push(["L", stored ? new Uint8Array(0) : latents]);
      return build({ width, height, mode: grey ? 2 : 1, position, fingerprint, sections });
    });
  }

  // The model, with its encoder's part, which is fetched at the first picture.
  async prepare(fingerprint) {
    const [found, packed] = await Promise.all([
      this.decoder.prepare(fingerprint),
      this.added.has(fingerprint) ? null : this.decoder.getFile(`${fingerprint}.licencoder`),
    ]);
    if (!this.added.has(fingerprint)) {
      if (!packed) throw new LicError("ModelNotFound", `${fingerprint}.licencoder is not here, which encoding needs`);
      this.added.set(fingerprint, addEncoder(found, packed, fingerprint));
    }
    try {
      await this.added.get(fingerprint);
    } catch (error) {
      this.added.delete(fingerprint);
      throw error;
    }
    return found;
  }
}

async function addEncoder({ engine, network }, packed, fingerprint) {
  const { bytes } = await unpackModel(packed).catch(() => ({ bytes: new Uint8Array(0) }));
  if (engine.scope(() => engine.run.add_encoder(network.opened, engine.put(bytes), bytes.length)))
    throw new LicError("BadModel", `${fingerprint}.licencoder is damaged, or there is not enough memory: copy it again`);
}

// The section of latents: the streams of chunks, all but the last behind its length.
function encodeChunks(engine, { opened }, rate, colours, width, height, done) {
  const encoding = engine.run.open_encoding(opened, rate, colours, width, height);
  if (!encoding) throw outOfMemory();
  for (const helper of engine.helpers) helper.postMessage({ help: true });
  try {
    const [lengths, streams] = [[], []];
    for (let left = engine.run.chunks_count(encoding), count = left; left; left--) {
      done(1 - left / count);
      const size = engine.run.encode_chunk(encoding);
      if (size < 0) throw outOfMemory();
      if (left > 1) lengths.push(...varint(size));
      streams.push(engine.view(Uint8Array, engine.run.chunk_data(), size).slice());
    }
    done(1);
    return joined([Uint8Array.from(lengths), ...streams]);
  } finally {
    engine.run.close_encoding(encoding);
  }
}

// The alpha section of a picture that is transparent in places, else null.
async function alphaOf(pixels, width, height) {
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] < 255) return packAlpha(pixels, width, height);
  return null;
}

const samples = (pixels, kept) => Uint8Array.from(pixels.filter((_, i) => kept.includes(i % 4)));
