// The files that the decoder consists of: beside lic.js, in the folder of `configure`, or in the page itself, as
// <script type="text/plain" data-file="NAME">.

const BESIDE = {}; // addresses by name, which bundlers follow: filled in by tools/pages/viewer.py
const DECODER = "lic-decoder.js";
const MODEL = /^([0-9a-f]{8})\.licmodel$/;
const ENCODER = /^([0-9a-f]{8})\.licencoder$/;

const settings = {
  base: null, // the folder, unless that of lic.js
  workers: Math.max(2, Math.min(4, (navigator.hardwareConcurrency || 2) >> 1)), // one for a large picture, one for the rest
  keep: KEPT_BYTES, // of decoded pictures in the Cache API
};

// `configure({ base, workers, keep })`, before the first picture.
function configure(changes) {
  for (const name of Object.keys(changes)) if (!(name in settings)) throw new TypeError(`lic: there is no setting ${name}`);
  Object.assign(settings, changes);
}

function inPage(name) {
  return document.querySelector(`script[data-file="${CSS.escape(name)}"]`);
}

function addressOf(name) {
  if (settings.base) return new URL(name, new URL(settings.base, document.baseURI));
  return new URL(BESIDE[name] ?? import.meta.url.replace(/[^/]*$/, name));
}

const fetching = new Map(); // promises of files that are on their way

// A file's bytes; null if there is none of that name.
async function getFile(name) {
  if (inPage(DECODER)) {
    const held = inPage(name);
    return held && fromBase64(held.textContent);
  }
  if (!fetching.has(name)) {
    fetching.set(name, fetchFile(name));
    const forget = () => fetching.delete(name); // the browser's own cache has it from now on
    fetching.get(name).then(forget, forget);
  }
  return fetching.get(name);
}

async function fetchFile(name) {
  const response = await fetch(addressOf(name));
  // Where nothing is found, servers of applications answer with the application's page.
  const page = response.headers.get("Content-Type")?.startsWith("text/html");
  return response.status === 404 || page ? null : bytesOf(response);
}

async function bytesOf(response) {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

// The fingerprint of the model, if there is one only: it can be fetched before a picture asks for it.
function onlyModel() {
  const models = Object.keys(BESIDE).flatMap((name) => MODEL.exec(name)?.[1] ?? []);
  return models.length === 1 ? models[0] : null;
}

function fromBase64(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
