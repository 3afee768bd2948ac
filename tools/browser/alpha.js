// Transparency, for the encoder: codec/picture/alpha.py.

const FILL_BLOCK = 8; // hidden pixels are filled at this resolution
const MID_LEVEL = 128;
const FIXED_BITS = 22; // of the weights between blocks

// The alpha of pixels (R, G, B, A) as a grey PNG file.
async function packAlpha(pixels, width, height) {
  const rows = await deflate(filtered(pixels, width, height, [3]));
  return joined([PNG_SIGNATURE, ...headerChunk(width, height, 0), ...chunk("IDAT", rows), ...chunk("IEND")]);
}

// Gives pixels that are fully transparent the colours of a smooth continuation of the others, which costs few bits.
function fillHidden(pixels, width, height) {
  const [columns, rows] = [width, height].map((side) => Math.ceil(side / FILL_BLOCK));
  const sums = Array.from({ length: 4 }, () => new Float32Array(columns * rows)); // of visible R, G, B, and their number
  const blockOf = (i) => Math.floor(i / width / FILL_BLOCK) * columns + Math.floor((i % width) / FILL_BLOCK);
  let hidden = 0;
  for (let i = 0; i < width * height; i++) {
    if (!pixels[4 * i + 3]) hidden++;
    else for (let c = 0; c < 4; c++) sums[c][blockOf(i)] += c < 3 ? pixels[4 * i + c] : 1;
  }
  if (!hidden) return;
  const smooth = hidden < width * height && filledBlocks(sums, columns, rows).map((plane) => enlargedPlane(plane, columns, rows));
  for (let i = 0; i < width * height; i++) {
    if (pixels[4 * i + 3]) continue;
    const at = Math.floor(i / width) * columns * FILL_BLOCK + (i % width);
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = smooth ? smooth[c][at] : MID_LEVEL;
  }
}

// Means of blocks; those without a visible pixel take the mean of the block of twice the size around them.
function filledBlocks(sums, columns, rows) {
  const counts = sums[3];
  const means = sums.slice(0, 3).map((plane) => plane.map((sum, i) => sum / Math.max(counts[i], 1)));
  if (columns * rows === 1 || counts.every((count) => count > 0)) return means;
  const [wide, high] = [Math.ceil(columns / 2), Math.ceil(rows / 2)];
  const around = filledBlocks(sums.map((plane) => halved(plane, columns, rows)), wide, high);
  return means.map((plane, c) =>
    plane.map((mean, i) => (counts[i] ? mean : around[c][(Math.floor(i / columns) >> 1) * wide + ((i % columns) >> 1)])),
  );
}

// Sums of 2 x 2 blocks, in float32, in the order of Python.
function halved(plane, columns, rows) {
  const wide = Math.ceil(columns / 2);
  const at = (y, x) => (y < rows && x < columns ? plane[y * columns + x] : 0);
  return Float32Array.from({ length: wide * Math.ceil(rows / 2) }, (_, i) => {
    const [y, x] = [2 * Math.floor(i / wide), 2 * (i % wide)];
    return Math.fround(Math.fround(at(y, x) + at(y + 1, x)) + at(y, x + 1)) + at(y + 1, x + 1);
  });
}

// A plane with FILL_BLOCK x FILL_BLOCK levels for each of its own, linear between them, as Pillow resizes it.
function enlargedPlane(plane, columns, rows) {
  const levels = Uint8Array.from(plane, roundToEven);
  const wide = columns * FILL_BLOCK;
  const across = weightsOf(columns);
  const down = weightsOf(rows);
  const middle = new Uint8Array(wide * rows);
  for (let i = 0; i < middle.length; i++) middle[i] = weighed(across[i % wide], levels, Math.floor(i / wide) * columns, 1);
  const large = new Uint8Array(wide * rows * FILL_BLOCK);
  for (let i = 0; i < large.length; i++) large[i] = weighed(down[Math.floor(i / wide)], middle, i % wide, wide);
  return large;
}

// For each level of the larger size: which of the smaller one it lies between, and their weights.
function weightsOf(size) {
  return Array.from({ length: size * FILL_BLOCK }, (_, i) => {
    const centre = (i + 0.5) / FILL_BLOCK;
    const first = Math.max(0, Math.trunc(centre - 0.5));
    const shares = [];
    for (let k = first; k < Math.min(size, Math.trunc(centre + 1.5)); k++) shares.push(1 - Math.min(1, Math.abs(k + 0.5 - centre)));
    const sum = shares.reduce((a, b) => a + b);
    return { first, weights: shares.map((share) => Math.trunc((share / sum) * 2 ** FIXED_BITS + 0.5)) };
  });
}

function weighed({ first, weights }, levels, start, pitch) {
  let sum = 2 ** (FIXED_BITS - 1);
  for (let k = 0; k < weights.length; k++) sum += weights[k] * levels[start + (first + k) * pitch];
  return sum >> FIXED_BITS;
}
