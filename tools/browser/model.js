// Models: codec/model/packed.py writes them, the core in C reads them. Here is only what user interfaces need.

async function unpackModel(packed) {
  const stream = new Response(packed).body.pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(8, true);
  return { ...JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + length))), bytes };
}
