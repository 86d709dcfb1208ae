// Saves mask and state by themselves, one after the other, and tells about it.

import { getArray, getJSON, putMask, Refused, send } from "../shared/api.js";

const PAUSE = 600; // ms without a change before saving
const AGAIN = 3000; // ms after a failure
const unsaved = new Set(); // all that wait, of this image and of those that were left

/** Saves all that waits at once; false if nothing does. */
export function saveAll() {
  for (const saving of unsaved) saving.now();
  return unsaved.size > 0;
}

export class Saving {
  /** @param tell called with {state: "saved" | "waiting" | "saving" | "stale" | "failed", text} */
  constructor(number, revisions, tell) {
    this.number = number;
    this.revisions = revisions; // {mask, state}
    this.tell = tell;
    this.timer = null;
    this.running = null;
    this.pending = null; // what to save: functions that return it when its turn comes
    this.sent = { labels: null, state: null }; // what the server may have without having said so
    this.stale = false;
  }

  /** Save soon. `labels` and `state` are functions, called when it happens; labels may be null. */
  soon(labels, state) {
    if (this.stale) return;
    this.#wait(labels, state);
    this.tell({ state: "waiting", text: "not saved yet" });
    this.#later(PAUSE);
  }

  /** Save at once what waits; resolves when that is done or has failed. */
  async now() {
    clearTimeout(this.timer);
    while (this.running !== null) await this.running;
    if (this.pending === null || this.stale) return;
    this.running = this.#save();
    const done = await this.running;
    this.running = null;
    if (done && this.pending !== null) await this.now();
  }

  #wait(labels, state) {
    this.pending = { labels: labels ?? this.pending?.labels ?? null, state };
    unsaved.add(this);
  }

  #later(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), pause);
  }

  /** Whether it is saved. */
  async #save() {
    const { labels, state } = this.pending;
    this.pending = null;
    this.tell({ state: "saving", text: "saving" });
    try {
      if (labels !== null) await this.#saveMask(await labels());
      await this.#saveState(state());
      if (this.pending === null) unsaved.delete(this);
      this.tell({ state: "saved", text: "saved" });
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        this.stale = true;
        unsaved.delete(this);
        this.tell({ state: "stale", text: "saved elsewhere since it was opened here" });
        return false;
      }
      this.#wait(this.pending?.labels ?? labels, this.pending?.state ?? state);
      this.tell({ state: "failed", text: `Not saved, trying again. ${error.message}` });
      this.#later(AGAIN);
      return false;
    }
  }

  async #saveMask(labels) {
    const before = this.sent.labels;
    this.sent.labels = labels;
    const put = async () => {
      this.revisions.mask = await putMask(this.number, labels, this.revisions.mask);
    };
    await this.#orAdopt(put, async () => {
      const { data, revision } = await getArray(`/api/${this.number}/mask`);
      if (before === null || data === null || !same(before, data)) return false;
      this.revisions.mask = revision;
      return true;
    });
    this.sent.labels = null;
  }

  async #saveState(content) {
    const before = this.sent.state;
    const path = `/api/${this.number}/state`;
    this.sent.state = content;
    const put = async () => {
      this.revisions.state = (await send("PUT", path, content, this.revisions.state)).revision;
    };
    await this.#orAdopt(put, async () => {
      const { state, revision } = await getJSON(path);
      if (before === null || JSON.stringify(state) !== JSON.stringify(before)) return false;
      this.revisions.state = revision;
      return true;
    });
    this.sent.state = null;
  }

  /** Tries again if the server has what was sent here before, and only its answer was lost. */
  async #orAdopt(put, ours) {
    try {
      await put();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 409 || !(await ours())) throw error;
      await put();
    }
  }
}

function same(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
