// How alike the network finds the pixels of an image and one of them.

import { logitsAt, positions } from "../shared/argmax.js";

/**
 * Returns a function of a pixel's index: cosine of its logits and those of a pixel, in -1 to 1. Each
 * vector is taken from its mean, which says nothing about the class; between feature pixels, the
 * cosine is interpolated.
 */
export function similarTo({ meta, coarse }, row, column) {
  const { classes, rows, columns, logits } = coarse;
  const { canvas, alignCorners, width } = meta;
  const wanted = centred(logitsAt(coarse, canvas, alignCorners, row, column), 0, classes);
  const cosine = new Float32Array(rows * columns);
  for (let p = 0; p < cosine.length; p++) {
    const given = centred(logits, p * classes, classes);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += given[c] * wanted[c];
    cosine[p] = sum;
  }
  const vertical = positions(meta.height, rows, canvas[0], 0, 1, alignCorners);
  const horizontal = positions(width, columns, canvas[1], 0, 1, alignCorners);
  return (index) => {
    const y = Math.floor(index / width);
    const x = index - y * width;
    const [top, left] = [vertical.first[y], horizontal.first[x]];
    const [wy, wx] = [vertical.weight[y], horizontal.weight[x]];
    const upper = top * columns;
    const lower = Math.min(top + 1, rows - 1) * columns;
    const right = Math.min(left + 1, columns - 1);
    return (cosine[upper + left] * (1 - wx) + cosine[upper + right] * wx) * (1 - wy) +
      (cosine[lower + left] * (1 - wx) + cosine[lower + right] * wx) * wy;
  };
}

/** Least cosine for a reach of 0 (the same only) to 100. */
export function leastCosine(reach) {
  return 1 - 0.3 * (Math.min(100, Math.max(0, reach)) / 100) ** 2;
}

/** A vector of length 1 and mean 0 (or of zeros). */
function centred(values, start, count) {
  let mean = 0;
  for (let c = 0; c < count; c++) mean += values[start + c] / count;
  const vector = new Float32Array(count);
  let square = 0;
  for (let c = 0; c < count; c++) {
    vector[c] = values[start + c] - mean;
    square += vector[c] ** 2;
  }
  const length = Math.sqrt(square);
  return length > 0 ? vector.map((value) => value / length) : vector;
}
