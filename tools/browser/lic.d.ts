/** Settings, to be changed before the first picture. */
export interface Settings {
  /** The folder of the decoder's files, if it is not that of lic.js. */
  base: string | URL | null;
  /** How many pictures are decoded at the same time at most. */
  workers: number;
  /** How many bytes of decoded pictures the browser keeps. */
  keep: number;
}
export function configure(changes: Partial<Settings>): void;

export interface Options {
  signal?: AbortSignal;
  /** Is told the share of the work that is done, 0 to 1. */
  progress?: (done: number) => void;
  /** Is given a small picture of a large one before, if the model has a network for previews. */
  preview?: (preview: Preview) => void;
  /** Tells how urgent a picture that waits is; asked whenever a worker is free. */
  urgency?: () => number;
}

/** A picture of a quarter of the width and height, in sRGB. */
export interface Preview {
  width: number;
  height: number;
  pixels: Uint8ClampedArray<ArrayBuffer>;
  whole: { width: number; height: number };
}

/** The pixels of a .lic file, the right way up: in sRGB, or in display-p3 if it has a colour profile. */
export function decode(bytes: Uint8Array, options?: Options): Promise<ImageData>;

/** What a .lic file holds, the right way up. */
export interface Picture {
  width: number;
  height: number;
  /** R, G, B, A, in the file's own colours. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  grey: boolean;
  alpha: boolean;
  /** Whether every pixel is as it was. */
  lossless: boolean;
  /** The size of the file in bytes. */
  size: number;
  fingerprint: string;
  /** The model's name, and the quality, 1 to 100, unless the picture is lossless. */
  model?: string;
  quality?: number;
  /** How long decoding took. */
  milliseconds: number;
  /** A PNG file with the colour profile, if there is one. */
  coloured?: Blob;
}
export function picture(bytes: Uint8Array, options?: Options): Promise<Picture>;

/** A canvas with a picture in its colours. */
export function draw(picture: Pick<Picture, "width" | "height" | "pixels" | "coloured">): Promise<HTMLCanvasElement>;

/** The picture as a PNG file, with its colour profile and EXIF. */
export function png(bytes: Uint8Array, options?: Options): Promise<Blob>;

export interface EncodeOptions extends Pick<Options, "signal" | "progress" | "urgency"> {
  /** From 1 (smallest file) to 100 (best picture); 65 if not given. */
  quality?: number;
  /** The fingerprint of the model, which is the name of its file; not needed if there is only one. */
  model?: string;
}

/**
 * The bytes of a .lic file: of pixels, of a picture file that the browser can read, or of what a canvas can draw.
 * Colours are those in sRGB; metadata is left out.
 */
export function encode(
  image: ImageData | Blob | Exclude<CanvasImageSource, SVGImageElement>,
  options?: EncodeOptions,
): Promise<Uint8Array<ArrayBuffer>>;

/** The bits of each block of 16 x 16 pixels; null for a lossless picture. */
export function bits(
  bytes: Uint8Array,
  options?: Options,
): Promise<{ rows: number; columns: number; bits: Float32Array } | null>;

/** The integer latents, channels x rows x columns. */
export function symbols(bytes: Uint8Array, options?: Options): Promise<Int32Array>;

/** The bytes of a file of the decoder; null if there is none of that name. */
export function file(name: string): Promise<Uint8Array | null>;

/** From now on, <img> and CSS show .lic files. Resolves to whether the service worker does it already. */
export function serve(options?: { scope?: string }): Promise<boolean>;

/** The element <lic-img>. */
export class LicImage extends HTMLElement {
  src: string;
  srcset: string;
  sizes: string;
  alt: string;
  loading: "eager" | "lazy" | "idle";
  get width(): number;
  set width(value: number | string);
  get height(): number;
  set height(value: number | string);
  readonly complete: boolean;
  readonly currentSrc: string;
  readonly naturalWidth: number;
  readonly naturalHeight: number;
  decode(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "lic-img": LicImage;
  }
}
