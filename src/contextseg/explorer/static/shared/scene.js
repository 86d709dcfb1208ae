// One image with what the network sees in it, ready to be decided and painted.

import { getArray, getJSON } from "./api.js";
import { decide, logitsAt, prepare } from "./argmax.js";

const MOST_PIXELS = 2e6; // labels of larger images are decided for every second, third ... pixel

/**
 * Fetches an image's logits and labels. `signal` aborts the requests; `whole` decides every pixel,
 * however large the image is.
 */
export async function openScene(number, model = 0, signal = undefined, { whole = false } = {}) {
  const query = `?model=${model}`;
  const [meta, logits] = await Promise.all([
    getJSON(`/api/${number}/meta${query}`, { signal }),
    getArray(`/api/${number}/logits${query}`, { signal }),
  ]);
  const truth = meta.truth && !whole ? await getArray(`/api/${number}/truth`, { signal }) : null;
  return new Scene(meta, prepare(logits.data, logits.shape), truth?.data ?? null, whole);
}

export class Scene {
  constructor(meta, coarse, truth, whole) {
    this.meta = meta;
    this.coarse = coarse;
    const ratio = Math.sqrt((meta.height * meta.width) / MOST_PIXELS);
    this.step = whole ? 1 : Math.max(1, Math.ceil(ratio));
    this.rows = Math.ceil(meta.height / this.step);
    this.columns = Math.ceil(meta.width / this.step);
    this.truth = truth === null ? null : this.#thinned(truth);
    this.ticked = null;
    this.labels = this.#decided();
  }

  /** Decides anew, among some labels (ascending) or, with null, among all. */
  tick(ticked) {
    this.ticked = ticked;
    this.labels = this.#decided();
  }

  #decided() {
    const part = { top: 0, left: 0, rows: this.rows, columns: this.columns, step: this.step };
    const { canvas, alignCorners } = this.meta;
    return decide(this.coarse, canvas, alignCorners, this.ticked, part).labels;
  }

  #thinned(labels) {
    if (this.step === 1) return labels;
    const thin = new Uint8Array(this.rows * this.columns);
    for (let y = 0; y < this.rows; y++) {
      for (let x = 0; x < this.columns; x++) {
        thin[y * this.columns + x] = labels[y * this.step * this.meta.width + x * this.step];
      }
    }
    return thin;
  }

  /** Pixels of each label, as shares of 0 to 1. */
  shares() {
    const counts = new Float64Array(256);
    for (const label of this.labels) counts[label]++;
    return counts.map((count) => count / this.labels.length);
  }

  /** Index of an image pixel in `labels` and `truth`. */
  index(row, column) {
    return Math.floor(row / this.step) * this.columns + Math.floor(column / this.step);
  }

  /** The labels at a pixel, likeliest first: [{label, probability, logit}]. */
  candidates(row, column) {
    const { canvas, alignCorners } = this.meta;
    const logits = logitsAt(this.coarse, canvas, alignCorners, row, column);
    const names = this.ticked ?? Array.from(logits.keys());
    const most = Math.max(...names.map((label) => logits[label]));
    const parts = names.map((label) => Math.exp(logits[label] - most));
    const sum = parts.reduce((a, b) => a + b, 0);
    return names
      .map((label, i) => ({ label, probability: parts[i] / sum, logit: logits[label] }))
      .sort((a, b) => b.probability - a.probability);
  }

  /** The feature pixel that an image pixel lies in. */
  feature(row, column) {
    const { rows, columns, canvas } = this.meta;
    return [
      Math.min(rows - 1, Math.floor((row * rows) / canvas[0])),
      Math.min(columns - 1, Math.floor((column * columns) / canvas[1])),
    ];
  }
}
