// The network: its arithmetic is the core's, in WebAssembly, the same to the bit as everywhere else.

const STRIP_ROWS = 64; // of pixels between two messages of progress

const outOfMemory = () =>
  new LicError("TooLarge", "there is not enough memory for the picture here: decode it with `lic decode`");

// A module that is valid where there are vector instructions.
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
); // prettier-ignore

const THREADS = "lic-threads.wasm"; // with vector instructions, and memory that workers share
const MOST_THREADS = 4;
const FIRST_PAGES = 64; // of 64 KiB
const MOST_PAGES = 32768;
const STACK = 65536; // bytes for each further thread

// The module's functions and its memory. What is allocated inside `scope` is released at its end.
class Engine {
  static async load(getFile) {
    const vectors = WebAssembly.validate(SIMD);
    const threads = globalThis.crossOriginIsolated && vectors && (await getFile(THREADS));
    if (threads) {
      const engine = await Engine.loadThreads(threads).catch(() => null); // WebKitGTK shares no memory with workers of workers
      if (engine) return engine;
    }
    const name = vectors ? "lic-simd.wasm" : "lic.wasm";
    const { instance } = await WebAssembly.instantiate(await getFile(name));
    return new Engine(instance.exports, instance.exports.memory, []);
  }
  static async loadThreads(bytes) {
    const module = await WebAssembly.compile(bytes);
    const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true });
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    const helpers = [];
    try {
      for (let thread = 1; thread < Math.min(MOST_THREADS, navigator.hardwareConcurrency); thread++) {
        const helper = new Worker(location.href);
        helpers.push(helper);
        helper.postMessage({ helper: { module, memory, thread, stack: exports.allocate(STACK) + STACK } });
      }
      return new Engine(exports, memory, helpers);
    } catch (error) {
      helpers.forEach((helper) => helper.terminate());
      throw error;
    }
  }
  constructor(functions, memory, helpers) {
    this.run = functions;
    this.memory = memory;
    this.helpers = helpers; // workers, which begin to help when they are told so
    this.blocks = [];
    if (!functions.use_threads(helpers.length + 1)) throw outOfMemory();
  }
  allocate(bytes) {
    const pointer = this.run.allocate(bytes);
    if (!pointer) throw outOfMemory();
    this.blocks.push(pointer);
    return pointer;
  }
  put(array) {
    const pointer = this.allocate(array.byteLength);
    this.view(array.constructor, pointer, array.length).set(array);
    return pointer;
  }
  // Valid until the next allocation.
  view(Type, pointer, count) {
    return new Type(this.memory.buffer, pointer, count);
  }
  scope(body) {
    const count = this.blocks.length;
    try {
      return body();
    } finally {
      for (const pointer of this.blocks.splice(count)) this.run.release(pointer);
    }
  }
}

// A worker that lends its thread to the engine of another one: gives a function that helps with one picture.
async function startHelper({ module, memory, thread, stack }) {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  exports.__stack_pointer.value = stack;
  return () => exports.help(thread);
}

// A model, opened once.
class Network {
  constructor(engine, model) {
    Object.assign(this, { engine, model });
    engine.scope(() => (this.opened = engine.run.open_model(engine.put(model.bytes), model.bytes.length)));
    delete model.bytes;
    if (!this.opened) throw new Error("its content cannot be read, or there is not enough memory");
  }

  // Calls `body` with what the model is at a rate position.
  at(position, body) {
    const { engine, opened } = this;
    return engine.scope(() => {
      const rate = engine.run.open_rate(opened, position);
      if (!rate) throw outOfMemory();
      try {
        return body(rate);
      } finally {
        engine.run.close_rate(rate);
      }
    });
  }

  // Pixels (R, G, B, 255) of a file. `done` is told the share of the work.
  pixels(file, done) {
    return this.decoded(file, file, done);
  }

  // { width, height, pixels } of the small picture that the model computes first; null if it does not.
  preview(file) {
    const { preview } = this.model;
    if (!preview) return null;
    const size = { width: Math.ceil(file.width / preview), height: Math.ceil(file.height / preview), isPreview: 1 };
    return { ...size, pixels: this.decoded(file, size, () => {}) };
  }

  decoded(file, { width, height, isPreview = 0 }, done) {
    const { engine, model, opened } = this;
    const { grey, sections } = file;
    return this.at(file.position, (rate) => {
      const added = sections.get("F");
      if (added && engine.run.adjust_filter(rate, engine.put(added), added.length))
        throw new LicError("Corrupt", `the file's adjustment of the filter is damaged: ${FRESH}`);
      const stream = engine.run.open_decoding(opened, rate, isPreview, width, height);
      if (!stream) throw outOfMemory();
      for (const helper of engine.helpers) helper.postMessage({ help: true });
      try {
        const colours = engine.allocate(3 * width * height);
        let end = Math.min(STRIP_ROWS, height);
        decodeChunks(engine, file, model, rate, (symbols, top, rows) => {
          while (engine.run.decode_rows(stream, symbols, top, rows, colours, height, end) >= end && end < height) {
            done(end / height);
            end = Math.min(end + STRIP_ROWS, height);
          }
        });
        const pixels = engine.allocate(4 * width * height);
        engine.run.paint(colours, width * height, grey, pixels);
        done(1);
        return engine.view(Uint8ClampedArray, pixels, 4 * width * height).slice();
      } finally {
        engine.run.close_decoding(stream);
      }
    });
  }
}
