// The network: layers whose arithmetic is in WebAssembly (layers.c), from a model's latents to pixels.

const TILE = 64; // latents that are computed together, in each direction
const END = { plain: 0, relu: 1, add: 2 }; // as in layers.c

const outOfMemory = () =>
  new LicError("TooLarge", "there is not enough memory for the picture here: decode it with `lic decode`");

// A module that is valid where there are vector instructions.
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
); // prettier-ignore

// The module's functions and its memory, a stack: what is allocated inside `scope` is released at its end.
class Engine {
  static async load(getFile) {
    const name = WebAssembly.validate(SIMD) ? "lic-simd.wasm" : "lic.wasm";
    const { instance } = await WebAssembly.instantiate(await getFile(name));
    return new Engine(instance.exports);
  }
  constructor(functions) {
    this.run = functions;
  }
  allocate(bytes) {
    const pointer = this.run.allocate(bytes);
    if (!pointer) throw outOfMemory();
    return pointer;
  }
  put(array) {
    const pointer = this.allocate(array.byteLength);
    this.view(array.constructor, pointer, array.length).set(array);
    return pointer;
  }
  // Valid until the next allocation.
  view(Type, pointer, count) {
    return new Type(this.run.memory.buffer, pointer, count);
  }
  scope(body) {
    const top = this.run.mark();
    try {
      return body();
    } finally {
      this.run.release(top);
    }
  }
}

const roundUp = (count, to = 4) => Math.ceil(count / to) * to;

// Room for activations. Kernels compute four positions at a time.
const activations = (engine, positions, channels) => engine.allocate(4 * roundUp(positions) * roundUp(channels));

// A vector of channels, with zeros up to a multiple of four in each of `groups` groups.
function putVector(engine, values, groups = 1) {
  const depth = values.length / groups;
  const out = new Float32Array(roundUp(roundUp(depth) * groups, 8));
  for (let i = 0; i < values.length; i++) out[Math.floor(i / depth) * roundUp(depth) + (i % depth)] = values[i];
  return engine.put(out);
}

// Layers are made from a list such as ["sub-pixel", inputs, outputs, r]. Each has `run`, the multiplications for each
// input position, and the number of input positions on each side that it depends on.

class Pointwise {
  constructor(engine, kernel, bias, outputs, inputs) {
    Object.assign(this, { engine, inputs, outputs });
    this.packed = engine.allocate(engine.run.packed_1x1_size(outputs, inputs));
    engine.scope(() => engine.run.pack_1x1(engine.put(kernel), outputs, inputs, this.packed));
    this.bias = putVector(engine, bias);
  }
  run(x, positions, end, out) {
    const { engine, inputs, packed, bias, outputs } = this;
    engine.run.convolve_1x1(x, roundUp(positions), inputs, packed, bias, outputs, end, out);
  }
}

class Spatial {
  constructor(engine, kernel, bias, outputs, inputs, r = 1) {
    const depth = outputs;
    Object.assign(this, { engine, inputs, depth, r });
    this.packed = engine.allocate(engine.run.packed_3x3_size(r, depth, inputs));
    engine.scope(() => engine.run.pack_3x3(engine.put(kernel), r, depth, inputs, this.packed));
    this.bias = putVector(engine, bias, r * r);
  }
  run(x, rows, columns, end, out) {
    const { engine, inputs, packed, bias, r, depth } = this;
    engine.scope(() => {
      const scratch = engine.allocate(engine.run.convolve_3x3_scratch(inputs));
      engine.run.convolve_3x3(x, rows, columns, inputs, packed, bias, r, depth, end, out, scratch);
    });
  }
}

class SubPixel {
  radius = 1;
  constructor(engine, tensor, inputs, outputs, r) {
    Object.assign(this, { engine, outputs, r, macs: 9 * inputs * outputs * r * r });
    this.convolution = new Spatial(engine, tensor("weight"), tensor("bias"), outputs, inputs, r);
  }
  run(x, rows, columns) {
    const out = activations(this.engine, rows * columns * this.r ** 2, this.outputs);
    this.convolution.run(x, rows, columns, END.plain, out);
    return out;
  }
}

class InverseGDN {
  radius = 0;
  r = 1;
  constructor(engine, tensor, channels) {
    Object.assign(this, { engine, channels, macs: channels * channels });
    const from = (minimum) => (root) => Math.max(root, Math.sqrt(minimum + 2 ** -36)) ** 2 - 2 ** -36;
    this.gamma = engine.allocate(engine.run.packed_1x1_size(channels, channels));
    const gamma = Float32Array.from(tensor("gamma_root"), from(0));
    engine.scope(() => engine.run.pack_1x1(engine.put(gamma), channels, channels, this.gamma));
    this.beta = putVector(engine, Float32Array.from(tensor("beta_root"), from(1e-6)));
  }
  run(x, rows, columns) {
    const { engine, channels, gamma, beta } = this;
    engine.scope(() => {
      const scratch = engine.allocate(engine.run.normalise_scratch(channels));
      engine.run.normalise(x, rows * columns, channels, gamma, beta, scratch);
    });
    return x;
  }
}

class Bottleneck {
  radius = 1;
  r = 1;
  constructor(engine, tensor, channels, width) {
    Object.assign(this, { engine, width, macs: 2 * channels * width + 9 * width * width });
    this.reduce = new Pointwise(engine, tensor("reduce.weight"), tensor("reduce.bias"), width, channels);
    this.mix = new Spatial(engine, tensor("mix.weight"), tensor("mix.bias"), width, width);
    this.expand = new Pointwise(engine, tensor("expand.weight"), tensor("expand.bias"), channels, width);
  }
  run(x, rows, columns) {
    const { engine, width } = this;
    engine.scope(() => {
      const reduced = activations(engine, rows * columns, width);
      const mixed = activations(engine, rows * columns, width);
      this.reduce.run(x, rows * columns, END.relu, reduced);
      this.mix.run(reduced, rows, columns, END.relu, mixed);
      this.expand.run(mixed, rows * columns, END.add, x);
    });
    return x;
  }
}

// Expects the latents of a phase from those of earlier ones.
class Predictor extends Bottleneck {
  constructor(engine, tensor, channels, width) {
    super(engine, tensor, channels, width);
    const place = tensor("place"); // width x 2 x 2
    const turned = Float32Array.from(place, (_, i) => place[(i % width) * 4 + Math.floor(i / width)]);
    this.place = putVector(engine, turned, 4);
  }
  run(x, rows, columns) {
    const { engine, width } = this;
    const reduced = activations(engine, rows * columns, width);
    const mixed = activations(engine, rows * columns, width);
    this.reduce.run(x, rows * columns, END.plain, reduced);
    engine.run.add_place(reduced, rows, columns, width, this.place);
    this.mix.run(reduced, rows, columns, END.relu, mixed);
    this.expand.run(mixed, rows * columns, END.plain, x);
    return x;
  }
}

const LAYERS = { "sub-pixel": SubPixel, "inverse gdn": InverseGDN, bottleneck: Bottleneck, predictor: Predictor };

// The layers of a model, loaded once.
class Network {
  constructor(engine, model) {
    const part = (name) =>
      model[name].map(([kind, ...sizes], i) => {
        const tensor = (of) => weights(model, `${name}.${i}.${of}`);
        return new LAYERS[kind](engine, tensor, ...sizes);
      });
    this.engine = engine;
    this.model = model;
    this.synthesis = part("synthesis");
    this.predictors = part("predictors");
    this.fine = this.synthesis.findIndex((layer) => layer.r > 1); // layers from here on work on tiles
  }

  // How many latents around its own block a pixel depends on, from layer `fine` on.
  get reach() {
    let [reach, pixels] = [0, BLOCK];
    for (const layer of this.synthesis.slice(this.fine)) {
      reach += layer.radius * pixels;
      pixels /= layer.r;
    }
    return Math.ceil(reach / BLOCK);
  }

  // Pixels (R, G, B, 255) of latents, which are lost. `done` is told the share of the work.
  pixels(file, latents, trust, done) {
    const { engine, predictors, synthesis, fine } = this;
    const { rows, columns, width, height } = file;
    const plan = new Progress(this, rows, columns, done);
    predictors.forEach((predictor, i) => {
      engine.scope(() => {
        const known = activations(engine, rows * columns, this.model.channels);
        engine.run.keep_earlier(latents, rows, columns, this.model.channels, i + 1, known);
        const expected = predictor.run(known, rows, columns);
        engine.run.add_expected(latents, expected, rows, columns, this.model.channels, i + 1, engine.put(trust));
      });
      plan.add(predictor, rows * columns);
    });
    for (const layer of synthesis.slice(0, fine)) {
      layer.run(latents, rows, columns);
      plan.add(layer, rows * columns);
    }
    const pixels = engine.allocate(4 * width * height);
    for (let top = 0; top < rows; top += TILE)
      for (let left = 0; left < columns; left += TILE)
        engine.scope(() => this.paintTile(file, latents, top, left, pixels, plan));
    return engine.view(Uint8ClampedArray, pixels, 4 * width * height).slice();
  }

  paintTile({ rows, columns, width, height, grey }, latents, top, left, pixels, plan) {
    const { engine, model, synthesis, fine, reach } = this;
    const [outerTop, outerLeft] = [Math.max(0, top - reach), Math.max(0, left - reach)];
    let h = Math.min(rows, top + TILE + reach) - outerTop;
    let w = Math.min(columns, left + TILE + reach) - outerLeft;
    let x = activations(engine, h * w, model.channels);
    engine.run.cut_out(latents, columns, model.channels, outerTop, outerLeft, h, w, x);
    for (const layer of synthesis.slice(fine)) {
      x = layer.run(x, h, w);
      plan.add(layer, h * w);
      h *= layer.r;
      w *= layer.r;
    }
    const size = [Math.min(height - top * BLOCK, TILE * BLOCK), Math.min(width - left * BLOCK, TILE * BLOCK)];
    const inner = [(top - outerTop) * BLOCK, (left - outerLeft) * BLOCK];
    const at = pixels + 4 * (top * BLOCK * width + left * BLOCK);
    engine.run.paint(x, w, ...inner, ...size, grey, at, width);
  }
}

// The share of a picture's work that is done, by multiplications.
class Progress {
  constructor(network, rows, columns, done) {
    this.done = done;
    this.sum = 0;
    this.total = 0;
    const tile = { rows: Math.min(rows, TILE + 2 * network.reach), columns: Math.min(columns, TILE + 2 * network.reach) };
    const tiles = Math.ceil(rows / TILE) * Math.ceil(columns / TILE);
    let fine = Math.max(tile.rows * tile.columns * tiles, rows * columns);
    for (const layer of network.predictors) this.total += layer.macs * rows * columns;
    network.synthesis.forEach((layer, i) => {
      this.total += layer.macs * (i < network.fine ? rows * columns : fine);
      if (i >= network.fine) fine *= layer.r ** 2;
    });
  }
  add(layer, positions) {
    this.sum += layer.macs * positions;
    this.done(Math.min(1, this.sum / this.total));
  }
}
