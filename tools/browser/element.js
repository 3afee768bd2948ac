// <lic-img>: as <img>, for .lic files. Its children, e.g. an <img> of a JPEG file, are shown until it is decoded, and if
// it cannot be.

const SHARED = new CSSStyleSheet();
SHARED.replaceSync(`
  :host { display: inline-block; max-width: 100%; }
  :host([hidden]), [hidden] { display: none !important; }
  canvas { display: block; width: 100%; height: 100%; border-radius: inherit; object-fit: inherit; object-position: inherit; }
  ::slotted(img) { display: block; max-width: 100%; height: auto; }
  progress { display: block; width: 100%; height: 4px; opacity: 0; animation: appear 0s 1s forwards; }
  canvas:not([hidden]) ~ progress { position: absolute; bottom: 0; }
  @keyframes appear { to { opacity: 1; } }
`);

// For loading="lazy": what is called when an element comes near the window.
const whenNear = new WeakMap();
const near = new IntersectionObserver(
  (entries) => entries.forEach(({ isIntersecting, target }) => isIntersecting && whenNear.get(target)()),
  { rootMargin: "100%" },
);

// An attribute as a CSS length: pixels, or percent.
function lengthOf(text) {
  const [, number, percent] = /^\s*(\d+(?:\.\d+)?)(%?)/.exec(text ?? "") ?? [];
  return number && `${number}${percent || "px"}`;
}

// A property that is an attribute.
function reflected(name, empty = "") {
  return {
    configurable: true,
    enumerable: true,
    get() {
      return this.getAttribute(name) ?? empty;
    },
    set(value) {
      this.setAttribute(name, value);
    },
  };
}

class LicImage extends HTMLElement {
  static observedAttributes = ["src", "srcset", "sizes", "alt", "width", "height", "loading"];
  #canvas = document.createElement("canvas");
  #fallback = document.createElement("slot");
  #text = document.createElement("span"); // `alt`, if there is neither a picture nor a fallback
  #meter = document.createElement("progress");
  #size = new CSSStyleSheet();
  #source = null; // { url, density }
  #natural = null; // { width, height } of the picture, once it or its preview is shown
  #loading = null; // the AbortController of what is going on
  #ended = Promise.resolve(); // when that has ended, well or not
  #asked = false; // whether a change has been noticed

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHARED, this.#size];
    root.append(this.#fallback, this.#canvas, this.#text, this.#meter);
    this.#canvas.draggable = true;
    this.#canvas.part = "image";
    this.#meter.part = "progress";
    this.#meter.setAttribute("aria-label", "decoding");
    this.#canvas.addEventListener("dragstart", (event) => this.#drag(event));
    this.#arrange("empty");
  }

  // ---- as <img> has them ----

  get complete() {
    return !this.#loading;
  }
  get currentSrc() {
    return this.#source?.url ?? "";
  }
  get naturalWidth() {
    return Math.round((this.#natural?.width ?? 0) / (this.#source?.density ?? 1));
  }
  get naturalHeight() {
    return Math.round((this.#natural?.height ?? 0) / (this.#source?.density ?? 1));
  }
  get width() {
    return this.isConnected ? this.offsetWidth : Number.parseInt(this.getAttribute("width")) || this.naturalWidth;
  }
  set width(value) {
    this.setAttribute("width", value);
  }
  get height() {
    return this.isConnected ? this.offsetHeight : Number.parseInt(this.getAttribute("height")) || this.naturalHeight;
  }
  set height(value) {
    this.setAttribute("height", value);
  }
  async decode() {
    await null; // a change of `src` just before is noticed first
    await this.#ended;
    if (this.#state !== "loaded") throw new DOMException("the picture cannot be decoded", "EncodingError");
  }

  // ---- changes ----

  connectedCallback() {
    if (this.#state !== "loaded") this.#ask();
  }

  disconnectedCallback() {
    this.#loading?.abort();
  }

  attributeChangedCallback(name, before, value) {
    if (value === before) return;
    if (["src", "srcset", "sizes"].includes(name)) this.#ask();
    else if (name === "loading") whenNear.get(this)?.();
    else this.#arrange();
  }

  // Several changes at once are one.
  #ask() {
    if (this.#asked) return;
    this.#asked = true;
    this.#loading?.abort();
    this.#loading = new AbortController();
    queueMicrotask(() => {
      this.#asked = false;
      this.#ended = this.#load(this.#loading);
    });
  }

  async #load(loading) {
    const { signal } = loading;
    this.#source = this.#choose();
    this.#natural = null;
    this.#arrange(this.#source ? "loading" : "empty");
    const say = (type, more) => this.dispatchEvent(Object.assign(new Event(type), more));
    try {
      if (!this.#source) return;
      await this.#due(signal);
      prepare();
      const bytes = await bytesOf(await fetch(this.currentSrc, { signal }));
      const progress = (done) => {
        this.#meter.value = done;
        say("progress", { done });
      };
      const preview = async (small) => {
        const canvas = await enlarged(small);
        if (signal.aborted || this.#state !== "loading" || this.childElementCount) return; // a fallback is shown instead
        this.#show(canvas, "previewed");
        say("preview");
      };
      const canvas = await paint(bytes, { signal, progress, preview, urgency: () => this.#urgency() });
      signal.throwIfAborted();
      this.#show(canvas, "loaded");
      this.#finish(loading, () => say("load"));
    } catch (error) {
      if (signal.aborted) return;
      this.#natural = null;
      this.#arrange("failed");
      console.error(`${this.currentSrc}: ${error.message}`);
      this.#finish(loading, () => say("error", { message: error.message }));
    } finally {
      this.#finish(loading);
    }
  }

  #finish(loading, say) {
    if (this.#loading === loading) this.#loading = null;
    say?.();
  }

  #choose() {
    const measure = (length) => {
      const ruler = document.createElement("div");
      ruler.style.cssText = `position: absolute; visibility: hidden; width: ${length}`;
      (this.isConnected ? this.shadowRoot : document.documentElement).append(ruler);
      const { width } = ruler.getBoundingClientRect();
      ruler.remove();
      return width;
    };
    const found = choose(this.getAttribute("src"), this.getAttribute("srcset"), this.getAttribute("sizes"), measure);
    return found && { url: new URL(found.url, document.baseURI).href, density: Math.max(found.density, 0) || 1 };
  }

  // Until the picture's turn has come: at once, near the window, or when the page has nothing else to do.
  async #due(signal) {
    if (this.loading === "lazy") {
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve, { once: true });
        whenNear.set(this, resolve);
        near.observe(this);
      });
      near.unobserve(this);
    }
    if (this.loading === "idle") {
      if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
      await new Promise(whenIdle);
    }
    signal.throwIfAborted();
  }

  // Pictures in the window come first, then those next to it.
  #urgency() {
    const { top, bottom } = this.getBoundingClientRect();
    return -Math.max(0, top - innerHeight, -bottom);
  }

  // ---- looks ----

  #show(canvas, state) {
    for (const name of ["part", "draggable"]) canvas[name] = this.#canvas[name];
    canvas.addEventListener("dragstart", (event) => this.#drag(event));
    this.#canvas.replaceWith(canvas);
    this.#canvas = canvas;
    this.#natural = { width: canvas.width, height: canvas.height };
    this.#arrange(state);
  }

  #state = "empty";

  #arrange(state = this.#state) {
    this.#state = state;
    const alt = this.getAttribute("alt");
    const loaded = state === "loaded" || state === "previewed";
    this.#canvas.hidden = !loaded;
    this.#fallback.hidden = loaded;
    this.#meter.hidden = !["loading", "previewed"].includes(state) || this.childElementCount > 0;
    this.#text.hidden = state !== "failed" || this.childElementCount > 0;
    this.#text.textContent = alt ?? "";
    this.#canvas.setAttribute("role", alt === "" ? "presentation" : "img");
    if (alt) this.#canvas.setAttribute("aria-label", alt);
    else this.#canvas.removeAttribute("aria-label");
    this.#size.replaceSync(this.#sizes(loaded));
  }

  // The space of the picture, before it is there and afterwards. A page's own style comes before this one.
  #sizes(loaded) {
    const [width, height] = ["width", "height"].map((name) => lengthOf(this.getAttribute(name)));
    const natural = loaded && `${this.#natural.width} / ${this.#natural.height}`;
    const given = width && height && `${Number.parseFloat(width)} / ${Number.parseFloat(height)}`;
    const scaled = loaded && this.#source.density !== 1 && `${this.naturalWidth}px`;
    const rules = {
      width: width ?? (!height && scaled),
      height: !width && height,
      "aspect-ratio": given || natural,
      position: this.#state === "previewed" && "relative", // for the bar upon it
    };
    return `:host { ${Object.entries(rules).map(([name, value]) => (value ? `${name}: ${value};` : "")).join(" ")} }`;
  }

  // What is dragged to a folder is a PNG file of the .lic file's name; to another page, its address.
  #drag({ dataTransfer }) {
    const name = decodeURIComponent(new URL(this.currentSrc).pathname.split("/").at(-1)).replace(/\.lic$/i, "");
    dataTransfer.setData("text/uri-list", this.currentSrc);
    dataTransfer.setData("DownloadURL", `image/png:${name.replaceAll(":", "_")}.png:${this.#canvas.toDataURL()}`);
    dataTransfer.setDragImage(this.#canvas, 0, 0);
  }
}

for (const name of ["src", "srcset", "sizes", "alt"]) Object.defineProperty(LicImage.prototype, name, reflected(name));
Object.defineProperty(LicImage.prototype, "loading", reflected("loading", "eager"));
