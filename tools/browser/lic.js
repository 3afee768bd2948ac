// .lic pictures in pages: the element <lic-img src="photo.lic" alt="...">, and `lic` for scripts:
//
//   lic.decode(bytes, progress)   a promise of { width, height, pixels, ... }; `progress` is called with 0 to 1
//   lic.draw(picture, canvas)     the picture the right way up, in its colours
//   lic.bits(bytes)               the bits of each block of 16 x 16 pixels
//   lic.png(bytes)                the picture as a PNG file, a Blob
//   lic.symbols(bytes)            the integer latents, channels x rows x columns
//   lic.file(name)                the bytes of one of the files below
//   lic.serve()                   from now on <img src="photo.lic"> works, too, by the service worker
//
// A worker decodes. It, the engine and the models are files beside this one, or <script data-file="NAME"> in the page.
"use strict";
globalThis.lic = (() => {
  const base = document.currentScript.src && new URL(".", document.currentScript.src);

  // Bytes from a text in which each letter has seven bits: tools/pages/viewer.py, to_text.
  function fromText(text) {
    const bytes = new Uint8Array(Math.floor((text.length * 7) / 8));
    for (let i = 0, at = 0, held = 0, count = 0; at < bytes.length; i++) {
      held = ((held << 7) | (text.charCodeAt(i) & 127)) & 0x3fff;
      count += 7;
      if (count >= 8) {
        count -= 8;
        bytes[at++] = held >> count;
      }
    }
    return bytes;
  }

  // A file's bytes; null if there is none of that name.
  async function getFile(name) {
    const inside = document.querySelector(`script[data-file="${CSS.escape(name)}"]`);
    if (inside) return fromText(inside.textContent);
    if (!base) return null;
    const response = await fetch(new URL(name, base));
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  let worker; // a promise of it
  let asked = 0;
  const waiting = new Map();

  async function startWorker() {
    const script = base
      ? new URL("lic-decoder.js", base)
      : URL.createObjectURL(new Blob([await getFile("lic-decoder.js")], { type: "text/javascript" }));
    const started = new Worker(script);
    started.addEventListener("message", async ({ data: { id, result, error, progress, file } }) => {
      if (file) {
        const answer = await getFile(file).then(
          (bytes) => ({ bytes }),
          (failure) => ({ error: { name: failure.name, message: failure.message } }),
        );
        return started.postMessage({ file, ...answer });
      }
      const call = waiting.get(id);
      if (progress !== undefined) return call.progress?.(progress);
      waiting.delete(id);
      return error ? call.reject(Object.assign(new Error(error.message), { name: error.name })) : call.resolve(result);
    });
    started.addEventListener("error", (event) => {
      for (const call of waiting.values()) call.reject(new Error(event.message || "the decoder does not start"));
      waiting.clear();
      worker = undefined; // the next call tries again
    });
    return started;
  }

  async function ask(task, bytes, progress) {
    const ready = await (worker ??= startWorker());
    return new Promise((resolve, reject) => {
      waiting.set(++asked, { resolve, reject, progress });
      ready.postMessage({ id: asked, task, bytes });
    });
  }

  // EXIF's orientations as transforms of a picture of w x h to the upright one.
  const UPRIGHT = {
    1: () => [1, 0, 0, 1, 0, 0],
    2: (w) => [-1, 0, 0, 1, w, 0],
    3: (w, h) => [-1, 0, 0, -1, w, h],
    4: (w, h) => [1, 0, 0, -1, 0, h],
    5: () => [0, 1, 1, 0, 0, 0],
    6: (w, h) => [0, 1, -1, 0, h, 0],
    7: (w, h) => [0, -1, -1, 0, h, w],
    8: (w) => [0, -1, 1, 0, 0, w],
  };

  async function draw(picture, canvas) {
    const { width, height, orientation, pixels, coloured } = picture;
    const turned = orientation > 4;
    canvas.width = turned ? height : width;
    canvas.height = turned ? width : height;
    const context = canvas.getContext("2d");
    const image = new ImageData(pixels, width, height);
    if (!coloured && orientation === 1) return context.putImageData(image, 0, 0);
    const bitmap = await createImageBitmap(coloured ?? image).catch(() => createImageBitmap(image)); // a damaged profile
    context.setTransform(...UPRIGHT[orientation](width, height));
    return context.drawImage(bitmap, 0, 0);
  }

  async function fetchBytes(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  // Like <img>: `src`, `alt`, events "load" and "error" (its `message` says what is wrong), and "progress".
  class LicImage extends HTMLElement {
    static observedAttributes = ["src", "alt"];
    #canvas = document.createElement("canvas");
    #shown = 0; // changes of src

    constructor() {
      super();
      const style = document.createElement("style");
      style.textContent = `:host { display: inline-block; max-width: 100%; } :host([hidden]) { display: none; }
        canvas { display: block; max-width: 100%; height: auto; }`;
      this.attachShadow({ mode: "open" }).append(style, this.#canvas);
      this.#canvas.setAttribute("role", "img");
      this.#canvas.width = this.#canvas.height = 0;
    }

    get src() {
      return this.getAttribute("src");
    }
    set src(url) {
      this.setAttribute("src", url);
    }

    attributeChangedCallback(name, before, value) {
      if (name === "alt") this.#canvas.setAttribute("aria-label", value ?? "");
      else if (value !== before) this.#show(value);
    }

    async #show(url) {
      const turn = ++this.#shown;
      const say = (type, more) => turn === this.#shown && this.dispatchEvent(Object.assign(new Event(type), more));
      try {
        const bytes = await fetchBytes(new URL(url, document.baseURI));
        const picture = await ask("decode", bytes, (done) => say("progress", { done }));
        if (turn !== this.#shown) return;
        await draw(picture, this.#canvas);
        say("load", { picture });
      } catch (error) {
        this.#canvas.width = this.#canvas.height = 0;
        console.error(`${url}: ${error.message}`);
        say("error", { message: error.message });
      }
    }
  }
  customElements.define("lic-img", LicImage);

  async function serve() {
    const { serviceWorker } = navigator;
    if (!serviceWorker) throw new Error("service workers need https or localhost: use <lic-img>");
    const { scope } = await serviceWorker.register(new URL("lic-service-worker.js", base));
    if (!location.href.startsWith(scope))
      throw new Error(`the service worker serves ${scope} only: put its files higher up, or use <lic-img>`);
    if (!serviceWorker.controller)
      await new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    for (const image of document.querySelectorAll('img[src$=".lic"]'))
      if (image.complete && !image.naturalWidth) image.setAttribute("src", image.getAttribute("src")); // try it again
  }

  return {
    decode: (bytes, progress) => ask("decode", bytes, progress),
    bits: (bytes) => ask("bits", bytes),
    symbols: (bytes) => ask("symbols", bytes),
    png: (bytes) => ask("png", bytes),
    draw,
    file: getFile,
    serve,
  };
})();
