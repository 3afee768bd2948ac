// The container of a .lic file: codec/FORMAT.md, section 1. Errors have the names that they have in Python.

const BLOCK = 16; // pixels per latent, in each direction
const MAX_SIDE = 2 ** 24 - 1;
const FRESH = "get a fresh copy of it";

class LicError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  take(count) {
    const start = this.at;
    const wanted = start + count;
    this.at = Math.min(wanted, this.bytes.length);
    if (this.at < wanted) {
      const where = `byte ${this.at} of at least ${wanted}`;
      throw new LicError("Truncated", `the file ends at ${where}: get a complete copy of it`);
    }
    return this.bytes.subarray(start, this.at);
  }
  byte() {
    return this.take(1)[0];
  }
  varint() {
    for (let value = 0, bits = 7; ; bits += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (bits - 7);
      if ((byte === 0 && bits > 7) || bits > 35)
        throw new LicError("Corrupt", `a number in the file is not written as it should be: ${FRESH}`);
      if (byte < 0x80) return value;
    }
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(...pieces) {
  let sum = ~0;
  for (const bytes of pieces)
    for (let i = 0; i < bytes.length; i++) sum = CRC_TABLE[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

// The fields and sections of a file, checked.
function parse(bytes) {
  const reader = new Reader(bytes);
  const magic = String.fromCharCode(...bytes.subarray(0, 3));
  if (!magic || !"LIC".startsWith(magic))
    throw new LicError("NotALicFile", "this is not a .lic file: it does not start with 'LIC'");
  reader.take(3);
  const version = reader.byte();
  if (version !== 1) throw newer(`the file is of format version ${version}, this decoder reads version 1`);
  const mode = reader.byte();
  const [width, height] = [reader.varint(), reader.varint()];
  const [low, high] = reader.take(2);
  const fingerprint = [...reader.take(4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const sections = new Map();
  for (;;) {
    const tag = String.fromCharCode(reader.byte());
    if (tag === "L") break;
    if (sections.has(tag)) throw new LicError("Corrupt", `the file has a section ${tag} twice: ${FRESH}`);
    if (!/^[A-Za-z]$/.test(tag))
      throw new LicError("Corrupt", `the file has a section whose tag is no letter: ${FRESH}`);
    sections.set(tag, reader.take(reader.varint()));
  }
  const length = reader.varint();
  const latents = reader.take(length + 4).subarray(0, length);
  if (reader.at !== bytes.length)
    throw new LicError("Corrupt", `the file should end at byte ${reader.at}, it has ${bytes.length}: cut or replace it`);
  const [checksum, body] = [bytes.subarray(-4), bytes.subarray(0, -4)];
  if (crc32(body) !== new DataView(checksum.buffer, checksum.byteOffset).getUint32(0, true))
    throw new LicError("Corrupt", `the file's checksum does not match its content: ${FRESH}`);
  if (mode > 2) throw newer(`the file holds a picture of unknown mode ${mode}`);
  if (!(1 <= width && width <= MAX_SIDE && 1 <= height && height <= MAX_SIDE))
    throw new LicError("Corrupt", `the file claims a picture of ${width} x ${height}`);
  for (const tag of sections.keys())
    if (/[A-Z]/.test(tag) && !"AFSW".includes(tag))
      throw newer(`the file has a section ${tag} that this decoder does not know`);
  const lossless = sections.has("S") || sections.has("W");
  if (lossless && sections.has("F"))
    throw new LicError("Corrupt", `the file is lossless and adjusts a filter: ${FRESH}`);
  const size = { rows: Math.ceil(height / BLOCK), columns: Math.ceil(width / BLOCK) };
  const [grey, asRgb] = [mode !== 1, mode === 2]; // a picture may be grey, and decode to R = G = B
  return { width, height, grey, asRgb, position: low + 256 * high, fingerprint, sections, latents, lossless, ...size };
}

// The bytes of a file; `sections` are [tag, payload], in the order of the file.
function build({ width, height, mode, position, fingerprint, sections }) {
  const head = [...new TextEncoder().encode("LIC"), 1, mode, ...varint(width), ...varint(height), position & 255, position >> 8];
  const model = fingerprint.match(/../g).map((digits) => parseInt(digits, 16));
  const pieces = [Uint8Array.of(...head, ...model)];
  for (const [tag, payload] of sections) pieces.push(Uint8Array.of(tag.charCodeAt(0), ...varint(payload.length)), payload);
  const sum = new DataView(new ArrayBuffer(4));
  sum.setUint32(0, crc32(...pieces), true);
  return joined([...pieces, new Uint8Array(sum.buffer)]);
}

// A number in base 128, as bytes.
function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

const newer = (problem) => new LicError("UnsupportedVersion", `${problem}: get a newer version of it`);
