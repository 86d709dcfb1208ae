// The network's label of every pixel, as it is saved. A small image is decided at once; of a large one,
// the page decides what is on the screen, and a worker the rest.

import { isLarge, wholePart } from "../shared/view.js";

const QUIET = 150; // ms after a tick: what is on the screen comes first

export class Proposal {
  constructor(scene) {
    this.scene = scene;
    this.labels = scene.labels;
    this.pending = null; // a promise while a worker decides
    this.worker = null;
    this.job = 0;
    this.timer = null;
    if (!isLarge(scene.meta)) return;
    this.labels = new Uint8Array(scene.meta.height * scene.meta.width);
    this.worker = new Worker("/static/worker.js", { type: "module" });
    this.worker.postMessage({ coarse: scene.coarse });
    this.worker.onmessage = ({ data }) => this.#receive(data);
    this.worker.onerror = () => this.#alone();
  }

  /** Decides all pixels among the classes that the scene has ticked. */
  decide() {
    const { meta, ticked } = this.scene;
    if (!isLarge(meta)) {
      this.labels = this.scene.labels;
      return;
    }
    this.job += 1;
    this.pending ??= new Promise((resolve) => { this.finish = resolve; });
    if (this.worker === null) {
      this.#alone();
      return;
    }
    const job = {
      job: this.job, rows: meta.height, columns: meta.width,
      canvas: meta.canvas, alignCorners: meta.alignCorners, ticked,
    };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.worker?.postMessage(job), QUIET);
  }

  /** Resolves when the labels are those of the ticked classes. */
  async settle() {
    while (this.pending !== null) await this.pending;
  }

  close() {
    clearTimeout(this.timer);
    this.worker?.terminate();
  }

  #receive({ job, top, labels, last }) {
    if (job !== this.job) return;
    this.labels.set(labels, top * this.scene.meta.width);
    if (last) this.#done();
  }

  /** Without a worker, the page waits. */
  #alone() {
    this.worker = null;
    if (this.pending === null) return;
    this.labels.set(this.scene.decided(wholePart(this.scene.meta, Infinity)));
    this.#done();
  }

  #done() {
    this.pending = null;
    this.finish();
  }
}
