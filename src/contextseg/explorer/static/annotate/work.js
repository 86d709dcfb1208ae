// What belongs to the image that is labelled: what the network sees, the mask, time, revisions.

import { getArray, getJSON } from "../shared/api.js";
import { openScene } from "../shared/scenes.js";
import { Mask } from "./mask.js";
import { Proposal } from "./proposal.js";
import { Saving } from "./saving.js";

const PAUSE = 60; // seconds; a longer pause is no work

export class Work {
  /** Opens an image. `tell` is told how saving goes. */
  static async open(number, model, tell) {
    const [scene, state, saved] = await Promise.all([
      openScene(number, 0, false),
      getJSON(`/api/${number}/state`),
      getArray(`/api/${number}/mask`),
    ]);
    return new Work(number, model, scene, state, saved, tell);
  }

  constructor(number, model, scene, { state, revision }, saved, tell) {
    const { height, width } = scene.meta;
    this.ticked = Array.isArray(state.ticks) ? state.ticks : null;
    if (this.ticked !== null) scene.tick(this.ticked);
    this.number = number;
    this.model = model;
    this.scene = scene;
    this.proposal = new Proposal(scene);
    this.mask = new Mask(width, height, this.proposal.labels);
    this.revisions = { mask: saved.revision, state: revision };
    this.saving = new Saving(number, this.revisions, tell);
    this.seconds = Number(state.seconds) || 0;
    this.done = state.done === true;
    this.since = Date.now();
    if (saved.data !== null) this.mask.load(saved.data);
    this.proposal.decide();
    this.ready = this.#compared(); // when the whole mask is known
  }

  async #compared() {
    if (this.proposal.pending !== null) await this.proposal.settle();
    this.mask.compare();
  }

  /** Decides anew among some classes; null for all. */
  tick(ticked) {
    this.ticked = ticked;
    this.scene.tick(ticked);
    this.proposal.decide();
    this.mask.proposal = this.proposal.labels;
  }

  /** Saves soon; without `pixels`, only the state. */
  keep(pixels = true) {
    const now = Date.now();
    this.seconds += Math.min(PAUSE, (now - this.since) / 1000);
    this.since = now;
    const labels = async () => {
      await this.ready;
      await this.proposal.settle();
      return this.mask.labels();
    };
    this.saving.soon(pixels ? labels : null, () => ({
      ticks: this.ticked,
      seconds: Math.round(10 * this.seconds) / 10,
      done: this.done,
      model: this.model,
    }));
  }

  /** Leaves the image; what waits is saved first. */
  async close() {
    await this.saving.now();
    if (this.saving.pending === null) this.proposal.close();
  }
}
