// PNG files: of decoded pictures, for what knows no .lic, and of a .lic file's alpha.

const PNG_SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

// The bytes of a PNG file of a picture, with its profile (packed as in PNG, or not) and EXIF.
async function pngOf({ width, height, grey, alpha, pixels, icc, packedIcc, exif }) {
  const kept = [...(grey ? [0] : [0, 1, 2]), ...(alpha ? [3] : [])]; // of R, G, B, A
  const rows = filtered(pixels, width, height, kept);
  const chunks = [headerChunk(width, height, (grey ? 0 : 2) + (alpha ? 4 : 0))];
  const profile = icc ? await deflate(icc) : packedIcc;
  if (profile) chunks.push(chunk("iCCP", new TextEncoder().encode("ICC profile\0\0"), profile));
  if (exif) chunks.push(chunk("eXIf", String.fromCharCode(...exif.subarray(0, 6)) === "Exif\0\0" ? exif.subarray(6) : exif));
  chunks.push(chunk("IDAT", await deflate(rows)), chunk("IEND"));
  return joined([PNG_SIGNATURE, ...chunks.flat()]);
}

// Of 8 bits a sample, not interlaced.
function headerChunk(width, height, kind) {
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([8, kind], 8);
  return chunk("IHDR", header);
}

function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function chunk(name, ...parts) {
  const body = [new TextEncoder().encode(name), ...parts];
  const ends = new DataView(new ArrayBuffer(8));
  ends.setUint32(0, parts.reduce((sum, part) => sum + part.length, 0));
  ends.setUint32(4, crc32(...body));
  return [new Uint8Array(ends.buffer, 0, 4), ...body, new Uint8Array(ends.buffer, 4, 4)];
}

async function deflate(bytes) {
  const stream = new Response(bytes).body.pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The rows as PNG stores them: what is left of each byte when Paeth's guess is subtracted.
function filtered(pixels, width, height, kept) {
  const [count, length] = [kept.length, 1 + kept.length * width];
  const rows = new Uint8Array(length * height);
  for (let y = 0; y < height; y++) {
    rows[y * length] = 4;
    for (let x = 0; x < width; x++)
      for (let k = 0; k < count; k++) {
        const at = 4 * (y * width + x) + kept[k];
        const left = x ? pixels[at - 4] : 0;
        const up = y ? pixels[at - 4 * width] : 0;
        const corner = x && y ? pixels[at - 4 * width - 4] : 0;
        rows[y * length + 1 + x * count + k] = pixels[at] - paeth(left, up, corner);
      }
  }
  return rows;
}

// The plane in a file's alpha, which must be a PNG file of nothing but grey pixels, so that all decoders show the same.
async function planeOf(payload, { width, height }) {
  const start = [PNG_SIGNATURE, ...headerChunk(width, height, 0)].flatMap((part) => [...part]);
  if (start.some((byte, i) => byte !== payload[i]))
    throw new LicError("Corrupt", `the file's alpha is no grey PNG file of ${width} x ${height}: ${FRESH}`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const pieces = [];
  let at = start.length;
  for (let end; at + 12 < payload.length && view.getUint32(at + 4) === 0x49444154 /* IDAT */; at = end) {
    end = at + 12 + view.getUint32(at);
    if (end > payload.length || view.getUint32(end - 4) !== crc32(payload.subarray(at + 4, end - 4))) break;
    pieces.push(payload.subarray(at + 8, end - 4));
  }
  const last = chunk("IEND").flatMap((part) => [...part]);
  if (at + last.length !== payload.length || last.some((byte, i) => byte !== payload[at + i]))
    throw new LicError("Corrupt", `the file's alpha is damaged, or has more in it than pixels: ${FRESH}`);
  try {
    return unfiltered(await inflate(pieces, height * (1 + width)), width, height);
  } catch (error) {
    throw new LicError("Corrupt", `the file's alpha does not decode (${error.message}): ${FRESH}`);
  }
}

// So many bytes, unpacked.
async function inflate(pieces, length) {
  const reader = new Response(joined(pieces)).body.pipeThrough(new DecompressionStream("deflate")).getReader();
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    bytes.set(value, at); // fails if there are too many
    at += value.length;
  }
  if (at < length) throw new RangeError("it ends early");
  return bytes;
}

// The samples of a grey PNG file's rows, each of which begins with the way in which its samples are guessed.
function unfiltered(rows, width, height) {
  const plane = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = y * (1 + width);
    const way = rows[from];
    if (way > 4) throw new RangeError(`a row has filter ${way}`);
    for (let x = 0, i = y * width; x < width; x++, i++) {
      const left = x ? plane[i - 1] : 0;
      const up = y ? plane[i - width] : 0;
      const corner = x && y ? plane[i - width - 1] : 0;
      const guess = way === 4 ? paeth(left, up, corner) : [0, left, up, (left + up) >> 1][way];
      plane[i] = rows[from + 1 + x] + guess;
    }
  }
  return plane;
}

// The neighbour that is nearest to left + up - corner.
function paeth(left, up, corner) {
  const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
}
