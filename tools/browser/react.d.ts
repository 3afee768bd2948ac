// <lic-img> in JSX: add `import type {} from "lic-img/react";` to a module of your application.
import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { LicImage } from "./lic.js";

interface LicImageAttributes extends HTMLAttributes<LicImage> {
  src?: string;
  srcset?: string;
  sizes?: string;
  alt?: string;
  width?: number | string;
  height?: number | string;
  loading?: "eager" | "lazy" | "idle";
  onload?: (event: Event) => void;
  onerror?: (event: Event & { message: string }) => void;
  onprogress?: (event: Event & { done: number }) => void;
  onpreview?: (event: Event) => void;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "lic-img": DetailedHTMLProps<LicImageAttributes, LicImage>;
    }
  }
}
