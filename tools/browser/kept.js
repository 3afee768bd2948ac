// Decoded pictures, kept in the Cache API as PNG files by the hash of the .lic files. Pages that are not served by https
// or from localhost have no such place: there nothing is kept.

const KEPT = "lic-pictures-1";
const KEPT_BYTES = 64e6; // of all pictures together

async function keyOf(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return new URL(`/lic-pictures/${[...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`, location.origin);
}

// { png, wide } of a file, or null.
async function recall(bytes) {
  if (!globalThis.caches || !globalThis.crypto?.subtle) return null;
  try {
    const found = await (await caches.open(KEPT)).match(await keyOf(bytes));
    return found ? { png: await found.blob(), wide: found.headers.get("Lic-Wide") === "1" } : null;
  } catch {
    return null; // the browser's settings forbid it
  }
}

// Keeps a picture; the oldest leave when all together have more than `limit` bytes.
async function keep(bytes, png, wide = false, limit = KEPT_BYTES) {
  if (!globalThis.caches || !globalThis.crypto?.subtle || png.size > limit / 4) return;
  try {
    const cache = await caches.open(KEPT);
    const headers = { "Content-Type": "image/png", "Content-Length": png.size, "Lic-Wide": wide ? "1" : "0" };
    await cache.put(await keyOf(bytes), new Response(png, { headers }));
    let sum = 0;
    for (const request of (await cache.keys()).reverse()) {
      sum += Number((await cache.match(request)).headers.get("Content-Length"));
      if (sum > limit) await cache.delete(request);
    }
  } catch {
    // The disk is full, or the browser's settings forbid it: decoded again the next time.
  }
}
