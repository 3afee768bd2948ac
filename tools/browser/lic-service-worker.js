// Answers requests of <img> and CSS for .lic files by PNG pictures; `lic.serve()` in lic.js registers it.
"use strict";
importScripts("lic-decoder.js");

const decoder = new licDecoder.Decoder(async (name) => {
  const response = await fetch(new URL(name, location));
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
});

let last = Promise.resolve(); // one picture at a time: that needs the least memory

async function answer(request) {
  const response = await fetch(request);
  if (!response.ok || response.type === "opaque") return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const turn = last.then(async () => licDecoder.pngOf(await decoder.decode(bytes)));
  last = turn.catch(() => {});
  try {
    return new Response(await turn, { headers: { "Content-Type": "image/png" } });
  } catch (error) {
    console.error(`${request.url}: ${error.message}`);
    return Response.error();
  }
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.destination === "image" && new URL(request.url).pathname.endsWith(".lic"))
    event.respondWith(answer(request));
});
