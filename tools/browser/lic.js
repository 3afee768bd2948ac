// Public names. Everything else in this module, which is made of several files, is its own.

if (!customElements.get("lic-img")) customElements.define("lic-img", LicImage);

export { LicImage, bits, configure, decode, draw, picture, png, serve, symbols };
export const file = getFile;
globalThis.lic = { bits, configure, decode, draw, file, picture, png, serve, symbols };
