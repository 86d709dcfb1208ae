// How alike the network finds the pixels of an image and one of them.

import { logitsAt, positions } from "../shared/argmax.js";

/**
 * Returns a function of a pixel's index: cosine of its upsampled logits and those of a pixel, in -1 to
 * 1. Each vector is taken from its mean, which says nothing about the class.
 *
 * The upsampled logits of a pixel are a weighted sum u of those of four feature pixels, so <u, v> and
 * |u|² follow from products at feature size: no pixel needs all its classes.
 */
export function similarTo({ meta, coarse }, row, column) {
  const { classes, rows, columns } = coarse;
  const { canvas, alignCorners, width } = meta;
  const logits = centred(coarse.logits, classes);
  const wanted = centred(logitsAt(coarse, canvas, alignCorners, row, column), classes);
  const length = Math.sqrt(product(wanted, 0, wanted, 0, classes)) || 1;
  const dot = productsWith(logits, wanted, classes);
  const at = (k) => Math.min(k, rows * columns - 1); // beyond the last row, weights are 0
  const pairs = (shift, from = 0) => Float32Array.from({ length: rows * columns }, (_, p) =>
    product(logits, at(p + from) * classes, logits, at(p + shift) * classes, classes));
  const self = pairs(0);
  const right = pairs(1);
  const below = pairs(columns);
  const across = pairs(columns + 1);
  const against = pairs(columns, 1); // the right one and the lower one
  const vertical = positions(meta.height, rows, canvas[0], 0, 1, alignCorners);
  const horizontal = positions(width, columns, canvas[1], 0, 1, alignCorners);
  return (index) => {
    const y = Math.floor(index / width);
    const x = index - y * width;
    const [wy, wx] = [vertical.weight[y], horizontal.weight[x]];
    const a = vertical.first[y] * columns + horizontal.first[x];
    const [b, c, d] = [at(a + 1), at(a + columns), at(a + columns + 1)];
    const [wa, wb] = [(1 - wy) * (1 - wx), (1 - wy) * wx];
    const [wc, wd] = [wy * (1 - wx), wy * wx];
    const square = wa * wa * self[a] + wb * wb * self[b] + wc * wc * self[c] + wd * wd * self[d] +
      2 * (wa * wb * right[a] + wc * wd * right[c] + wa * wc * below[a] + wb * wd * below[b] +
        wa * wd * across[a] + wb * wc * against[a]);
    const sum = wa * dot[a] + wb * dot[b] + wc * dot[c] + wd * dot[d];
    return sum / (length * Math.sqrt(Math.max(square, 1e-12)));
  };
}

/** Least cosine for a reach of 0 (the same only) to 100. */
export function leastCosine(reach) {
  return 1 - 0.3 * (Math.min(100, Math.max(0, reach)) / 100) ** 2;
}

/** Vectors of some length, one after the other, each less its mean. */
function centred(values, count) {
  const found = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += count) {
    let mean = 0;
    for (let c = 0; c < count; c++) mean += values[start + c] / count;
    for (let c = 0; c < count; c++) found[start + c] = values[start + c] - mean;
  }
  return found;
}

function product(a, i, b, j, count) {
  let sum = 0;
  for (let c = 0; c < count; c++) sum += a[i + c] * b[j + c];
  return sum;
}

function productsWith(vectors, wanted, count) {
  return Float32Array.from({ length: vectors.length / count }, (_, p) =>
    product(vectors, p * count, wanted, 0, count));
}
