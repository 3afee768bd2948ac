// `srcset` and `sizes`, as HTML defines them.

// The candidates of a srcset: { url, density } or { url, width }.
function candidatesOf(srcset) {
  const pattern = /\s*,*\s*(\S*[^\s,])(?:\s+([\d.]+)([wx]))?\s*(?:,|$)/gy;
  return [...srcset.matchAll(pattern)].map(([, url, number, unit]) =>
    unit === "w" ? { url, width: Number(number) } : { url, density: Number(number ?? 1) },
  );
}

// The width in CSS pixels that `sizes` gives a picture; `measure` tells that of a length.
function widthOf(sizes, measure) {
  for (const part of sizes.split(/,(?![^(]*\))/)) {
    const [, condition, length] = /^\s*(\(.*\)|not .*\)|)\s*(\S+(?:\(.*\))?)\s*$/.exec(part) ?? [];
    if (length && (!condition || matchMedia(condition).matches)) return measure(length);
  }
  return innerWidth;
}

// { url, density } of the candidate for this screen: the smallest that is sharp, or the largest.
function choose(src, srcset, sizes, measure) {
  const width = () => Math.max(1, widthOf(sizes || "100vw", measure));
  const found = candidatesOf(srcset ?? "").map((one) => ({ url: one.url, density: one.density ?? one.width / width() }));
  if (src && !found.some((one) => one.density === 1)) found.push({ url: src, density: found.some((one) => one.density < 1) ? -1 : 1 });
  found.sort((a, b) => a.density - b.density);
  return found.find((one) => one.density >= devicePixelRatio) ?? found.at(-1) ?? null;
}
