// Sets of pixels, as arrays of indices: discs, lines, polygons, regions.

/** Pixels whose centre is within `radius` of the segment between two points. */
export function thickLine(width, height, [r0, c0], [r1, c1], radius) {
  const top = Math.max(0, Math.floor(Math.min(r0, r1) - radius));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(r0, r1) + radius));
  const left = Math.max(0, Math.floor(Math.min(c0, c1) - radius));
  const right = Math.min(width - 1, Math.ceil(Math.max(c0, c1) + radius));
  const [dr, dc] = [r1 - r0, c1 - c0];
  const length = dr * dr + dc * dc;
  const found = [];
  for (let r = top; r <= bottom; r++) {
    for (let c = left; c <= right; c++) {
      const t = length ? Math.min(1, Math.max(0, ((r - r0) * dr + (c - c0) * dc) / length)) : 0;
      const [dy, dx] = [r - r0 - t * dr, c - c0 - t * dc];
      if (dy * dy + dx * dx <= radius * radius) found.push(r * width + c);
    }
  }
  return found;
}

/** Pixels whose centre is inside a polygon of [row, column] points (even-odd rule). */
export function polygon(width, height, points) {
  const found = [];
  const rows = points.map(([row]) => row);
  const first = Math.max(0, Math.ceil(Math.min(...rows)));
  const last = Math.min(height - 1, Math.floor(Math.max(...rows)));
  for (let r = first; r <= last; r++) {
    const crossings = [];
    points.forEach(([r0, c0], i) => {
      const [r1, c1] = points[(i + 1) % points.length];
      if ((r0 <= r) !== (r1 <= r)) crossings.push(c0 + ((r - r0) / (r1 - r0)) * (c1 - c0));
    });
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const right = Math.min(width - 1, Math.floor(crossings[k + 1]));
      for (let c = Math.max(0, Math.ceil(crossings[k])); c <= right; c++) found.push(r * width + c);
    }
  }
  return found;
}

/**
 * The connected region (4 neighbours) of a pixel, and the pixels around it.
 *
 * @param same tells whether a pixel, by index, belongs together with the first one
 * @returns {region, border}
 */
export function region(width, height, start, same) {
  const seen = new Uint8Array(width * height);
  const found = [start];
  const border = [];
  seen[start] = 1;
  const visit = (i) => {
    if (seen[i]) return;
    seen[i] = 1;
    (same(i) ? found : border).push(i);
  };
  for (let k = 0; k < found.length; k++) {
    const i = found[k];
    const column = i % width;
    if (column > 0) visit(i - 1);
    if (column < width - 1) visit(i + 1);
    if (i >= width) visit(i - width);
    if (i < width * (height - 1)) visit(i + width);
  }
  return { region: found, border };
}

/** The most frequent of some values, or null. */
export function mostFrequent(values) {
  const counts = new Map();
  let best = null;
  for (const value of values) {
    const count = (counts.get(value) ?? 0) + 1;
    counts.set(value, count);
    if (best === null || count > counts.get(best)) best = value;
  }
  return best;
}
