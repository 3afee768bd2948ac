// PNG files of decoded pictures, for what knows no .lic.

// A PNG file of a picture, with its profile and EXIF.
async function pngOf({ width, height, grey, alpha, pixels, icc, exif }) {
  const kept = [...(grey ? [0] : [0, 1, 2]), ...(alpha ? [3] : [])]; // of R, G, B, A
  const rows = filtered(pixels, width, height, kept);
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([8, (grey ? 0 : 2) + (alpha ? 4 : 0)], 8);
  const chunks = [chunk("IHDR", header)];
  if (icc) chunks.push(chunk("iCCP", new TextEncoder().encode("ICC profile\0\0"), await deflate(icc)));
  if (exif) chunks.push(chunk("eXIf", String.fromCharCode(...exif.subarray(0, 6)) === "Exif\0\0" ? exif.subarray(6) : exif));
  chunks.push(chunk("IDAT", await deflate(rows)), chunk("IEND"));
  return new Blob([Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), ...chunks.flat()], { type: "image/png" });
}

function chunk(name, ...parts) {
  const body = [new TextEncoder().encode(name), ...parts];
  const ends = new DataView(new ArrayBuffer(8));
  ends.setUint32(0, parts.reduce((sum, part) => sum + part.length, 0));
  ends.setUint32(4, crc32(...body));
  return [new Uint8Array(ends.buffer, 0, 4), ...body, new Uint8Array(ends.buffer, 4, 4)];
}

async function deflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
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
        const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
        const guess = toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
        rows[y * length + 1 + x * count + k] = pixels[at] - guess;
      }
  }
  return rows;
}
