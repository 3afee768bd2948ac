// Latents: codec/FORMAT.md, sections 2 and 3, by the core in C, and what they cost.

const CHUNK_ROWS = 64; // rows of latents that share a stream
const NO_TABLE = 2 ** 16 - 1; // of symbols in channels that are not in use

// The streams of the chunks, with their rows.
function chunksOf({ latents, rows }) {
  const reader = new Reader(latents);
  const count = Math.ceil(rows / CHUNK_ROWS);
  try {
    const lengths = Array.from({ length: count - 1 }, () => reader.varint());
    const streams = lengths.map((length) => reader.take(length));
    streams.push(latents.subarray(reader.at));
    return streams.map((stream, i) => ({ stream, top: i * CHUNK_ROWS, rows: Math.min(CHUNK_ROWS, rows - i * CHUNK_ROWS) }));
  } catch (error) {
    if (error.name !== "Truncated") throw error;
    throw new LicError("Corrupt", `the file's chunk lengths do not add up: ${FRESH}`);
  }
}

// Decode each chunk and hand its symbols, channels x rows x columns, to `use` with a workspace.
function decodeChunks(engine, file, model, rate, use) {
  for (const { stream, top, rows } of chunksOf(file))
    engine.scope(() => {
      const symbols = engine.allocate(4 * model.channels * rows * file.columns);
      const workspace = engine.allocate(engine.run.workspace_size(rate, rows, file.columns));
      const data = engine.put(stream);
      if (engine.run.decode_chunk(rate, rows, file.columns, workspace, data, stream.length, symbols))
        throw new LicError("Corrupt", `the file's latents do not decode: ${FRESH}`);
      use(symbols, top, rows, workspace);
    });
}

// The integer latents, channels x rows x columns.
function symbolsOf(engine, file, model, rate) {
  const all = new Int32Array(model.channels * file.rows * file.columns);
  decodeChunks(engine, file, model, rate, (symbols, top, rows) => {
    const [chunk, size] = [rows * file.columns, file.rows * file.columns];
    const from = engine.view(Int32Array, symbols, model.channels * chunk);
    for (let c = 0; c < model.channels; c++)
      all.set(from.subarray(c * chunk, (c + 1) * chunk), c * size + top * file.columns);
  });
  return all;
}

// The bits of all latents at each block position.
function bitsOf(engine, file, model, rate) {
  const places = new Float32Array(file.rows * file.columns);
  let prices;
  decodeChunks(engine, file, model, rate, (symbols, top, rows, workspace) => {
    prices ??= pricesOf(engine, rate);
    const [count, all] = [rows * file.columns, model.channels * rows * file.columns];
    const numbers = engine.allocate(2 * all);
    engine.run.find_tables(rate, rows, file.columns, workspace, symbols, numbers);
    const [values, tables] = [engine.view(Int32Array, symbols, all), engine.view(Uint16Array, numbers, all)];
    for (let i = 0; i < all; i++)
      if (tables[i] !== NO_TABLE) places[top * file.columns + (i % count)] += price(prices, tables[i], values[i]);
  });
  return places;
}

// The first value and the first entry of each table, the bits of all entries, and how many tables quantiser 0 has.
function pricesOf(engine, rate) {
  const count = engine.run.tables_count(rate);
  const first = engine.view(Int32Array, engine.run.tables_first(rate), count).slice();
  const start = engine.view(Uint32Array, engine.run.tables_start(rate), count + 1).slice();
  const below = engine.view(Uint32Array, engine.run.tables_below(rate), start[count]);
  const bits = Float64Array.from(below, (value, i) => 24 - Math.log2((below[i + 1] || 2 ** 24) - value));
  return { first, start, bits, pairs: engine.run.tables_of_quantiser(rate) };
}

// The last entry of a table is for values that it lacks: their length follows in 5 bits, and then as many bits.
function price({ first, start, bits, pairs }, table, value) {
  if (pairs) value = (value + (table >= pairs) * Math.sign(value)) / 2; // the number of a level
  const entry = value - first[table];
  const escape = start[table + 1] - start[table] - 1;
  if (entry >= 0 && entry < escape) return bits[start[table] + entry];
  return bits[start[table] + escape] + 5 + Math.floor(Math.log2(value < 0 ? -2 * value : 2 * value + 1));
}
