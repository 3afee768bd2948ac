// Models: unpacked, their weights in float32, and their integers and scales at a rate position.

const PHASES = 4;
const CONTEXT_BLOCK = 8; // channels that look back together
const TYPES = {
  "<f2": Uint16Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<i2": Int16Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
  "|i1": Int8Array,
  "|u1": Uint8Array,
};

// A model as decoder_model.py packs it: a header in JSON, then the tensors' bytes, those of lowest
// significance first, all compressed.
async function unpackModel(packed) {
  const stream = new Response(packed).body.pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const model = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const tensors = {};
  for (const { name, type, shape } of model.tensors) {
    const Type = TYPES[type];
    const [count, width] = [shape.reduce((a, b) => a * b, 1), Type.BYTES_PER_ELEMENT];
    const whole = new Uint8Array(count * width);
    for (let i = 0; i < width; i++, at += count)
      for (let j = 0; j < count; j++) whole[j * width + i] = bytes[at + j];
    tensors[name] = { type, shape, values: new Type(whole.buffer) };
  }
  return { ...model, tensors };
}

let halves; // the value of each number in half precision

function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

// The weights of a network, in float32.
function weights(model, name) {
  const { type, shape, values } = model.tensors[name];
  if (type === "<f4") return values;
  if (type === "<f2") {
    halves ??= Float32Array.from(new Uint16Array(65536).keys(), half);
    const out = new Float32Array(values.length);
    for (let i = 0; i < out.length; i++) out[i] = halves[values[i]];
    return out;
  }
  const out = Float32Array.from(values);
  const scales = model.tensors[`${name}.scale`].values;
  const each = values.length / shape[0];
  for (let i = 0; i < values.length; i++) out[i] *= scales[Math.floor(i / each)];
  return out;
}

// Integers and scales of a model at a rate position: FORMAT.md, sections 2 to 4.
function operatingPoint(model, position) {
  const { channels, tensors } = model;
  const [k, f] = [position >> 8, position & 255];
  const points = model.qualities.length;
  const after = Math.min(k + 1, points - 1);
  const of = (name, point, size) => tensors[name].values.subarray(point * size, (point + 1) * size);
  const [left, right] = [of("steps", k, channels), of("steps", after, channels)];
  const [restore, restoreAfter] = [of("restore", k, channels), of("restore", after, channels)];
  const steps = new Int32Array(channels);
  const scales = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const [s, t] = [BigInt(left[c]), BigInt(right[c])];
    steps[c] = Number((256n * s * t) / (t * BigInt(256 - f) + s * BigInt(f)));
    const [a, b] = [(256 - f) / left[c], f / right[c]];
    const restored = (restore[c] * a + restoreAfter[c] * b) / (a + b);
    scales[c] = ((steps[c] * tensors.unit.values[c]) / 2 ** 12) * restored;
  }
  let trust = null;
  if (tensors.trust) {
    const [from, to] = [of("trust", k, channels), of("trust", after, channels)];
    trust = Float32Array.from(from, (value, c) => value + (to[c] - value) * (f / 256));
  }
  let filter = null;
  if (tensors.filter) {
    const size = tensors.filter.values.length / points;
    const [from, to] = [of("filter", k, size), of("filter", after, size)];
    filter = Int16Array.from(from, (weight, i) => (weight * (256 - f) + to[i] * f + 128) >> 8);
  }
  return { steps, scales, trust, filter, contexts: contextsAt(model, (position + 224) >> 8) };
}

function contextsAt(model, k) {
  const { entropy: kind, channels, tensors } = model;
  if (kind === "channels") return null;
  const prefix = `${kind}.`;
  const point = (name) => {
    const tensor = tensors[prefix + name];
    const size = tensor.values.length / model.qualities.length;
    return tensor.values.subarray(k * size, (k + 1) * size);
  };
  const whole = (name) => tensors[prefix + name].values;
  const arrays = { weights: point("weights"), thresholds: whole("thresholds"), index: point("index") };
  arrays.earlier = Int16Array.from(point("earlier"));
  scaleEarlier(arrays.earlier, point("scales"), channels);
  return { kind, heights: whole("heights"), steps: whole("steps"), ...arrays };
}

// The bytes of `earlier` times the scales of their channels and passes, in place.
function scaleEarlier(earlier, scales, channels) {
  let at = 0;
  for (let start = CONTEXT_BLOCK; start < channels; start += CONTEXT_BLOCK)
    for (let pass = 0; pass < PHASES; pass++)
      for (let c = start; c < Math.min(start + CONTEXT_BLOCK, channels); c++) {
        const scale = scales[c * PHASES + pass];
        for (let d = 0; d < start; d++) earlier[at++] *= scale;
      }
}
