// Lossless pictures: a WebP stream VP8L to pixels, as RFC 9649, section 3, describes it. Not by the browser's own
// decoder: some browsers show the beginning of a damaged stream, and some change pixels that scripts read from a canvas.

const LITERALS = 256; // values of a byte
const LENGTHS = 24; // prefixes of lengths, which follow them in the alphabet of green
const DISTANCES = 40;
const LENGTH_ORDER = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MAX_BITS = 15; // of a prefix code
const BLACK = 0xff000000;
// Distances to the 120 nearest pixels: 16 rows up + 8 - columns to the left.
const NEAR = [
  0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1a, 0x26, 0x2a, 0x38, 0x05, 0x37, 0x39, 0x15, 0x1b, 0x36, 0x3a,
  0x25, 0x2b, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1c, 0x35, 0x3b, 0x46, 0x4a, 0x24, 0x2c, 0x58, 0x45, 0x4b, 0x34, 0x3c, 0x03,
  0x57, 0x59, 0x13, 0x1d, 0x56, 0x5a, 0x23, 0x2d, 0x44, 0x4c, 0x55, 0x5b, 0x33, 0x3d, 0x68, 0x02, 0x67, 0x69, 0x12, 0x1e,
  0x66, 0x6a, 0x22, 0x2e, 0x54, 0x5c, 0x43, 0x4d, 0x65, 0x6b, 0x32, 0x3e, 0x78, 0x01, 0x77, 0x79, 0x53, 0x5d, 0x11, 0x1f,
  0x64, 0x6c, 0x42, 0x4e, 0x76, 0x7a, 0x21, 0x2f, 0x75, 0x7b, 0x31, 0x3f, 0x63, 0x6d, 0x52, 0x5e, 0x00, 0x74, 0x7c, 0x41,
  0x4f, 0x10, 0x20, 0x62, 0x6e, 0x30, 0x73, 0x7d, 0x51, 0x5f, 0x40, 0x72, 0x7e, 0x61, 0x6f, 0x50, 0x71, 0x7f, 0x60, 0x70,
];

const blocks = (size, bits) => (size + (1 << bits) - 1) >> bits;
const damagedStream = (what) => new RangeError(what);

class BitReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0; // in bits
  }
  // The next 16 bits; beyond the end they are 0.
  peek() {
    const [bytes, i] = [this.bytes, this.at >> 3];
    return ((bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16)) >>> (this.at & 7)) & 0xffff;
  }
  skip(count) {
    this.at += count;
    if (this.at > 8 * this.bytes.length) throw damagedStream("it ends early");
  }
  bit() {
    const bit = this.peek() & 1;
    this.skip(1);
    return bit;
  }
  bits(count) {
    if (count > 16) return this.bits(16) + this.bits(count - 16) * 2 ** 16;
    const value = this.peek() & (2 ** count - 1);
    this.skip(count);
    return value;
  }
}

// A prefix code as a binary tree: tree[2 n + bit] is the next node, or ~symbol. Incomplete codes are refused.
function prefixCode(lengths) {
  const used = lengths.reduce((count, length) => count + (length > 0), 0);
  if (used === 1) return { only: lengths.findIndex((length) => length > 0) };
  let room = 1 << MAX_BITS;
  for (const length of lengths) if (length) room -= 1 << (MAX_BITS - length);
  if (room !== 0) throw damagedStream("a prefix code is not complete");
  const tree = new Int32Array(2 * used);
  let [nodes, code] = [1, 0];
  for (let length = 1; length <= MAX_BITS; length++, code <<= 1)
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      let node = 0;
      for (let i = length - 1; i > 0; i--) {
        const at = 2 * node + ((code >> i) & 1);
        node = tree[at] ||= nodes++;
      }
      tree[2 * node + (code & 1)] = ~symbol;
      code++;
    }
  return { tree, table: shortcuts(tree) };
}

// Where the next eight bits lead: to a node, or to ~(16 symbol + its bits).
function shortcuts(tree) {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let [node, count] = [0, 0];
    do node = tree[2 * node + ((byte >> count++) & 1)];
    while (node > 0 && count < 8);
    return node > 0 ? node : ~(~node * 16 + count);
  });
}

function readSymbol(reader, { tree, table, only }) {
  if (!tree) return only;
  let node = table[reader.peek() & 255];
  if (node < 0) {
    reader.skip(~node & 15);
    return ~node >> 4;
  }
  reader.skip(8);
  do node = tree[2 * node + reader.bit()];
  while (node > 0);
  return ~node;
}

function readCode(reader, size) {
  const lengths = new Array(size).fill(0);
  if (reader.bit()) {
    const count = 1 + reader.bit();
    const symbols = [reader.bits(reader.bit() ? 8 : 1)];
    if (count === 2) symbols.push(reader.bits(8));
    for (const symbol of symbols) if (symbol < size) lengths[symbol] = 1;
    return prefixCode(lengths);
  }
  const lengthLengths = new Array(LENGTH_ORDER.length).fill(0);
  for (let i = 0, count = 4 + reader.bits(4); i < count; i++) lengthLengths[LENGTH_ORDER[i]] = reader.bits(3);
  const lengthCode = prefixCode(lengthLengths);
  let left = reader.bit() ? 2 + reader.bits(2 + 2 * reader.bits(3)) : size;
  if (left > size) throw damagedStream("a prefix code has too many symbols");
  for (let symbol = 0, last = 8; symbol < size && left; left--) {
    const length = readSymbol(reader, lengthCode);
    if (length < 16) {
      lengths[symbol++] = length;
      if (length) last = length;
      continue;
    }
    const count = length === 16 ? 3 + reader.bits(2) : length === 17 ? 3 + reader.bits(3) : 11 + reader.bits(7);
    if (symbol + count > size) throw damagedStream("a prefix code has too many symbols");
    lengths.fill(length === 16 ? last : 0, symbol, symbol + count);
    symbol += count;
  }
  return prefixCode(lengths);
}

// A length or distance from its prefix.
function readNumber(reader, prefix) {
  if (prefix < 4) return prefix + 1;
  const extra = (prefix - 2) >> 1;
  return ((2 + (prefix & 1)) << extra) + reader.bits(extra) + 1;
}

function distance(code, width) {
  if (code > NEAR.length) return code - NEAR.length;
  const near = NEAR[code - 1];
  return Math.max(1, (near >> 4) * width + 8 - (near & 15));
}

// An image of the stream, as alpha, red, green and blue in 32 bits: the picture, or numbers for decoding it.
function readImage(reader, width, height, whole) {
  const cached = reader.bit();
  const cacheBits = cached ? reader.bits(4) : 0;
  if (cached && (cacheBits < 1 || cacheBits > 11)) throw damagedStream("its colour cache has a wrong size");
  const cache = new Uint32Array(cached << cacheBits);
  let [groupBits, groupOf, groupCount] = [0, null, 1];
  if (whole && reader.bit()) {
    groupBits = 2 + reader.bits(3);
    groupOf = readImage(reader, blocks(width, groupBits), blocks(height, groupBits), false).map((v) => (v >> 8) & 0xffff);
    groupCount = groupOf.reduce((most, group) => Math.max(most, group), 0) + 1;
  }
  const groupColumns = blocks(width, groupBits);
  const sizes = [LITERALS + LENGTHS + cache.length, LITERALS, LITERALS, LITERALS, DISTANCES];
  const groups = Array.from({ length: groupCount }, () => sizes.map((size) => readCode(reader, size)));
  const image = new Uint32Array(width * height);
  let filled = 0;
  const put = (colour) => {
    image[filled++] = colour;
    if (cached) cache[Math.imul(0x1e35a7bd, colour) >>> (32 - cacheBits)] = colour;
  };
  while (filled < image.length) {
    const row = Math.floor(filled / width);
    const place = groupOf && (row >> groupBits) * groupColumns + ((filled - row * width) >> groupBits);
    const group = groups[groupOf ? groupOf[place] : 0];
    const green = readSymbol(reader, group[0]);
    if (green < LITERALS) {
      const red = readSymbol(reader, group[1]);
      const blue = readSymbol(reader, group[2]);
      put((readSymbol(reader, group[3]) << 24) | (red << 16) | (green << 8) | blue);
    } else if (green < LITERALS + LENGTHS) {
      const length = readNumber(reader, green - LITERALS);
      const back = distance(readNumber(reader, readSymbol(reader, group[4])), width);
      if (back > filled || filled + length > image.length) throw damagedStream("a copy reaches beyond the picture");
      for (let i = 0; i < length; i++) put(image[filled - back]);
    } else put(cache[green - LITERALS - LENGTHS]);
  }
  return image;
}

// ---- transforms, each of which is undone in place or returns another image ----

// Sums and means of two colours, byte by byte.
const plus = (a, b) => ((((a & 0xff00ff00) >>> 0) + ((b & 0xff00ff00) >>> 0)) & 0xff00ff00) | (((a & 0xff00ff) + (b & 0xff00ff)) & 0xff00ff);
const mean = (a, b) => (((a ^ b) & 0xfefefefe) >>> 1) + (a & b);
const byteOf = (colour, shift) => (colour >>> shift) & 255;
const clip = (value) => Math.max(0, Math.min(255, value));
const eachByte = (f) => (f(24) << 24) | (f(16) << 16) | (f(8) << 8) | f(0);

function select(left, top, corner) {
  let difference = 0;
  for (const s of [0, 8, 16, 24])
    difference +=
      Math.abs(byteOf(left, s) - byteOf(corner, s)) - Math.abs(byteOf(top, s) - byteOf(corner, s));
  return difference <= 0 ? top : left;
}

// By left, top, top right and top left.
const PREDICTORS = [
  () => BLACK,
  (l) => l,
  (l, t) => t,
  (l, t, r) => r,
  (l, t, r, c) => c,
  (l, t, r) => mean(mean(l, r), t),
  (l, t, r, c) => mean(l, c),
  (l, t) => mean(l, t),
  (l, t, r, c) => mean(c, t),
  (l, t, r) => mean(t, r),
  (l, t, r, c) => mean(mean(l, c), mean(t, r)),
  (l, t, r, c) => select(l, t, c),
  (l, t, r, c) => eachByte((s) => clip(byteOf(l, s) + byteOf(t, s) - byteOf(c, s))),
  (l, t, r, c) =>
    eachByte((s) => {
      const m = byteOf(mean(l, t), s);
      return clip(m + Math.trunc((m - byteOf(c, s)) / 2));
    }),
  () => BLACK,
  () => BLACK,
];

function unpredict(image, width, height, bits, data) {
  for (let i = 0, y = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const block = data[(y >> bits) * blocks(width, bits) + (x >> bits)];
      const mode = y === 0 ? (x === 0 ? 0 : 1) : x === 0 ? 2 : (block >> 8) & 15;
      const [l, t, r, c] = [image[i - 1], image[i - width], image[i - width + 1], image[i - width - 1]];
      image[i] = plus(image[i], PREDICTORS[mode](l, t, r, c));
    }
  return image;
}

const signed = (byte) => (byte << 24) >> 24;
const share = (factor, colour) => (signed(factor & 255) * signed(colour & 255)) >> 5;

function uncross(image, width, height, bits, data) {
  for (let i = 0, y = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const factors = data[(y >> bits) * blocks(width, bits) + (x >> bits)];
      const green = byteOf(image[i], 8);
      const red = (byteOf(image[i], 16) + share(factors, green)) & 255;
      const blue = byteOf(image[i], 0) + share(factors >>> 8, green) + share(factors >>> 16, red);
      image[i] = (image[i] & 0xff00ff00) | (red << 16) | (blue & 255);
    }
  return image;
}

const addGreen = (image) => image.map((v) => plus(v, (byteOf(v, 8) << 16) | byteOf(v, 8)));

// From indices, of which bytes of green hold up to eight, to the colours of a palette.
function look(image, width, height, bits, palette) {
  const [packed, each] = [blocks(width, bits), 8 >> bits];
  const out = new Uint32Array(width * height);
  for (let i = 0, y = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const byte = byteOf(image[y * packed + (x >> bits)], 8);
      out[i] = palette[(byte >> (each * (x & ((1 << bits) - 1)))) & ((1 << each) - 1)] ?? 0;
    }
  return out;
}

// The colours of a stream, R, G, B, A with A = 255. Its header was checked.
function losslessColours(stream, width, height) {
  const reader = new BitReader(stream);
  reader.at = 40; // after the header
  const undo = [];
  const seen = new Set();
  let columns = width;
  while (reader.bit()) {
    const kind = reader.bits(2);
    if (seen.has(kind)) throw damagedStream("it has a transform twice");
    seen.add(kind);
    const wide = columns;
    if (kind < 2) {
      const bits = 2 + reader.bits(3);
      const data = readImage(reader, blocks(wide, bits), blocks(height, bits), false);
      undo.push((image) => (kind ? uncross : unpredict)(image, wide, height, bits, data));
    } else if (kind === 2) undo.push(addGreen);
    else {
      const count = 1 + reader.bits(8);
      const palette = readImage(reader, count, 1, false);
      for (let i = 1; i < count; i++) palette[i] = plus(palette[i], palette[i - 1]);
      const bits = count > 16 ? 0 : count > 4 ? 1 : count > 2 ? 2 : 3;
      columns = blocks(wide, bits);
      undo.push((image) => look(image, wide, height, bits, palette));
    }
  }
  let image = readImage(reader, columns, height, true);
  for (const step of undo.reverse()) image = step(image);
  const pixels = new Uint8ClampedArray(4 * width * height);
  image.forEach((colour, i) => pixels.set([byteOf(colour, 16), byteOf(colour, 8), byteOf(colour, 0), 255], 4 * i));
  return pixels;
}
