// Answers requests of <img> and CSS for .lic files by PNG files; `serve()` in lic.js registers it. A site's own service
// worker may import this one: importScripts("/folder/lic-service-worker.js").
"use strict";
importScripts("lic-decoder.js");
{
  const folder = new URL(".", globalThis.LIC_BASE ?? location);

  async function getFile(name) {
    const response = await fetch(new URL(name, folder));
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  }

  const decoder = new LicDecoder(getFile);
  let last = Promise.resolve(); // one picture at a time: that needs the least memory

  async function pngOf(bytes) {
    const kept = await licPictures.recall(bytes);
    if (kept) return kept.png;
    const turn = last.then(() => decoder.png(bytes));
    last = turn.catch(() => {});
    const png = new Blob([await turn], { type: "image/png" });
    await licPictures.keep(bytes, png);
    return png;
  }

  async function answer(request) {
    const response = await fetch(request);
    if (!response.ok || response.type === "opaque") return response;
    const name = new URL(request.url).pathname.split("/").at(-1).replace(/\.lic$/i, ".png");
    try {
      const png = await pngOf(new Uint8Array(await response.arrayBuffer()));
      const headers = { "Content-Type": "image/png", "Content-Disposition": `inline; filename*=UTF-8''${name}` };
      return new Response(png, { headers });
    } catch (error) {
      console.error(`${request.url}: ${error.message}`);
      return Response.error();
    }
  }

  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("fetch", (event) => {
    const { request } = event;
    if (request.destination === "image" && /\.lic$/i.test(new URL(request.url).pathname))
      event.respondWith(answer(request));
  });
}
