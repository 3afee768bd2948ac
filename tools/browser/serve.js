// `serve()`: .lic files in <img> and CSS. The service worker answers requests for them by PNG files. Where it does not
// control the page (the first visit, a reload with Shift, a page outside of its scope), addresses in the page are
// replaced by those of decoded pictures.

const SERVICE_WORKER = "lic-service-worker.js";
const IS_LIC = /\.lic(?:[?#]|$)/i;
const IN_CSS = /url\(\s*(["']?)([^"')]+?\.lic(?:[?#][^"')]*)?)\1\s*\)/gi;

// Resolves to whether the service worker controls the page. `scope` may be above the folder of lic.js if the server sends
// the header Service-Worker-Allowed with lic-service-worker.js.
async function serve({ scope } = {}) {
  const script = addressOf(SERVICE_WORKER);
  const controls = () => navigator.serviceWorker?.controller?.scriptURL === script.href;
  const registered = navigator.serviceWorker?.register(script, scope === undefined ? {} : { scope });
  if (!controls()) replaceAll(document, controls);
  await registered?.catch((error) => console.warn(`lic.serve: ${error.message}`));
  return controls();
}

const addresses = new Map(); // promises of the addresses of decoded pictures

function decodedAddress(url) {
  if (!addresses.has(url)) {
    const found = fetch(url).then(bytesOf).then(png).then(URL.createObjectURL);
    found.catch((error) => console.error(`${url}: ${error.message}`));
    addresses.set(url, found);
  }
  return addresses.get(url);
}

function replaceAll(root, controls) {
  const visit = (node) => {
    if (controls() || node.nodeType !== Node.ELEMENT_NODE) return;
    for (const element of [node, ...node.querySelectorAll("[src], [srcset], [style], style, link")]) replaceIn(element);
  };
  const watch = (changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes" && !controls()) replaceIn(target);
      addedNodes.forEach(visit);
    }
  };
  visit(root.documentElement);
  const attributeFilter = ["src", "srcset", "style"];
  new MutationObserver(watch).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter });
}

function replaceIn(element) {
  if (element.matches("img, source, input")) replaceSources(element);
  if (element.matches("style")) replaceInSheet(element.sheet);
  if (element.matches("link[rel~=stylesheet]")) {
    if (element.sheet) replaceInSheet(element.sheet);
    else element.addEventListener("load", () => replaceInSheet(element.sheet), { once: true });
  }
  if (element.style) replaceInStyle(element.style, document.baseURI);
}

async function replaceSources(element) {
  const src = element.getAttribute("src");
  if (src && IS_LIC.test(src)) {
    const address = await decodedAddress(new URL(src, document.baseURI).href).catch(() => null);
    if (address && element.getAttribute("src") === src) element.src = address;
  }
  const srcset = element.getAttribute("srcset");
  if (!srcset?.includes(".lic")) return;
  const parts = candidatesOf(srcset).map(async ({ url, width, density }) => {
    const address = IS_LIC.test(url) ? await decodedAddress(new URL(url, document.baseURI).href) : url;
    return `${address} ${width ? `${width}w` : `${density}x`}`;
  });
  const replaced = await Promise.all(parts).catch(() => null);
  if (replaced && element.getAttribute("srcset") === srcset) element.srcset = replaced.join(", ");
}

function replaceInSheet(sheet) {
  let rules;
  try {
    rules = sheet?.cssRules ?? [];
  } catch {
    return; // of another site
  }
  for (const rule of rules) {
    if (rule.styleSheet) replaceInSheet(rule.styleSheet);
    if (rule.cssRules?.length) replaceInSheet(rule);
    if (rule.style) replaceInStyle(rule.style, rule.parentStyleSheet?.href ?? document.baseURI);
  }
}

function replaceInStyle(style, base) {
  for (const name of [...style]) {
    const value = style.getPropertyValue(name);
    if (!value.includes(".lic")) continue;
    const found = [...value.matchAll(IN_CSS)].map(([whole, , url]) => ({ whole, url: new URL(url, base).href }));
    Promise.all(found.map(({ url }) => decodedAddress(url))).then(
      (decoded) => {
        if (style.getPropertyValue(name) !== value) return; // changed meanwhile
        const replaced = found.reduce((text, { whole }, i) => text.replace(whole, `url("${decoded[i]}")`), value);
        style.setProperty(name, replaced, style.getPropertyPriority(name));
      },
      () => {},
    );
  }
}
