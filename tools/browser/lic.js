// Public names. Everything else in this module, which is made of several files, is its own.

if (!customElements.get("lic-img")) customElements.define("lic-img", LicImage);

export { LicImage, bits, configure, decode, draw, encode, picture, png, serve, symbols };
export const file = getFile;
globalThis.lic = { bits, configure, decode, draw, encode, file, picture, png, serve, symbols };
