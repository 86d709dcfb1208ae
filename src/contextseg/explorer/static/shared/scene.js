// One image with what the network sees in it, ready to be decided and painted.

import { getArray, getJSON } from "./api.js";
import { decide, logitsAt, prepare } from "./argmax.js";
import { covers, partOf, wholePart } from "./view.js";

const OVERVIEW = 250_000; // pixels of a large image that shares are counted on
const MOST_SURE = 2e7; // probabilities (pixels times classes) of a map of confidence

/** Fetches an image: its photo, logits and, with `labelled`, its labels. */
export async function readScene(number, model, labelled) {
  const query = `?model=${model}`;
  const photo = readPhoto(`/api/${number}/image`);
  const [meta, logits] = await Promise.all([
    getJSON(`/api/${number}/meta${query}`),
    getArray(`/api/${number}/logits${query}`),
  ]);
  const truth = meta.truth && labelled ? await getArray(`/api/${number}/truth`) : null;
  return new Scene(meta, prepare(logits.data, logits.shape), truth?.data ?? null, await photo);
}

/** An image element that has been decoded: while it lives, the page shows its address at once. */
async function readPhoto(url) {
  const element = new Image();
  element.src = url;
  try {
    await element.decode();
  } catch {
    // The request for its logits says what is wrong; a photo that the browser cannot show is left out.
  }
  return element;
}

export class Scene {
  constructor(meta, coarse, truth, photo) {
    this.meta = meta;
    this.coarse = coarse;
    this.photo = photo;
    this.all = truth; // labels of all pixels, or null
    this.ticked = null;
    this.version = 0; // changes whenever the labels do
    this.#show(wholePart(meta));
  }

  /** Decides anew, among some labels (ascending) or, with null, among all. */
  tick(ticked) {
    this.ticked = ticked;
    this.#decide();
  }

  /** Decides what is seen; false if that has been done. */
  look(seen) {
    if (covers(this.part, this.meta, seen)) return false;
    this.#show(partOf(this.meta, seen));
    return true;
  }

  #show(part) {
    this.part = part;
    this.truth = this.all === null ? null : this.#thinned(this.all);
    this.#decide();
  }

  #decide() {
    this.labels = this.decided(this.part);
    this.counted = null;
    this.version += 1;
  }

  decided(part, confidence = false) {
    const { canvas, alignCorners } = this.meta;
    const found = decide(this.coarse, canvas, alignCorners, this.ticked, part, confidence);
    return confidence ? found.confidence : found.labels;
  }

  #thinned(labels) {
    const { top, left, rows, columns, step } = this.part;
    const { width } = this.meta;
    if (step === 1 && columns === width && rows === this.meta.height) return labels;
    const thin = new Uint8Array(rows * columns);
    for (let y = 0; y < rows; y++) {
      const start = (top + y * step) * width + left;
      for (let x = 0; x < columns; x++) thin[y * columns + x] = labels[start + x * step];
    }
    return thin;
  }

  /** Pixels of each label, as shares of 0 to 1. */
  shares() {
    if (this.counted === null) {
      const whole = wholePart(this.meta);
      const { rows, columns, step } = this.part;
      const same = rows === whole.rows && columns === whole.columns && step === whole.step;
      const labels = same ? this.labels : this.decided(wholePart(this.meta, OVERVIEW));
      const counts = new Float64Array(256);
      for (const label of labels) counts[label]++;
      this.counted = counts.map((count) => count / labels.length);
    }
    return this.counted;
  }

  /** {values, part}: the probability of each label, on fewer pixels where there are many classes. */
  confidence() {
    const { part } = this;
    const work = part.rows * part.columns * (this.ticked?.length ?? this.coarse.classes);
    const more = Math.max(1, Math.ceil(Math.sqrt(work / MOST_SURE)));
    const thinner = { ...part, step: part.step * more,
                      rows: Math.ceil(part.rows / more), columns: Math.ceil(part.columns / more) };
    return { values: this.decided(thinner, true), part: thinner };
  }

  /** What a pixel is labelled as; undefined without labels. */
  given(row, column) {
    return this.all?.[row * this.meta.width + column];
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
