// EXIF's orientation: pixels turned, so that whoever shows them need not know of it.

// The orientation in EXIF, and the byte where it stands; null if there is none.
function orientationEntry(exif) {
  const start = String.fromCharCode(...exif.subarray(0, 6)) === "Exif\0\0" ? 6 : 0;
  const view = new DataView(exif.buffer, exif.byteOffset + start, exif.length - start);
  try {
    const little = view.getUint16(0) === 0x4949;
    const entries = view.getUint32(4, little);
    for (let i = 0, count = view.getUint16(entries, little); i < count; i++) {
      const entry = entries + 2 + 12 * i;
      if (view.getUint16(entry, little) === 0x0112) return { at: start + entry + 8, little, value: view.getUint16(entry + 8, little) };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // damaged EXIF is ignored
  }
  return null;
}

// The orientation of EXIF, 1 to 8; 1 if there is none.
function orientation(exif) {
  const { value = 1 } = (exif && orientationEntry(exif)) ?? {};
  return 1 <= value && value <= 8 ? value : 1;
}

// EXIF of the picture once its pixels are turned.
function withoutOrientation(exif) {
  const turned = exif?.slice();
  const entry = turned && orientationEntry(turned);
  if (entry) new DataView(turned.buffer).setUint16(entry.at, 1, entry.little);
  return turned;
}

// Where a turned picture begins in the one as it is stored, and the steps to the next pixel at the right, and below.
const TURNS = {
  2: (w) => [w - 1, -1, w],
  3: (w, h) => [w * h - 1, -1, -w],
  4: (w, h) => [w * (h - 1), 1, -w],
  5: (w) => [0, w, 1],
  6: (w, h) => [w * (h - 1), -w, 1],
  7: (w, h) => [w * h - 1, -w, -1],
  8: (w) => [w - 1, w, -1],
};

// Values of rows x columns, one for each pixel or block, turned the right way up: { width, height, values }.
function upright(values, width, height, orientation) {
  if (orientation === 1) return { width, height, values };
  const [start, right, down] = TURNS[orientation](width, height);
  if (orientation > 4) [width, height] = [height, width];
  const turned = new values.constructor(values.length);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++) turned[at++] = values[start + x * right + y * down];
  return { width, height, values: turned };
}
