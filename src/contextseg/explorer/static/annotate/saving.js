// Saves mask and state by themselves, one after the other, and tells about it.

import { putMask, Refused, send } from "../shared/api.js";

const PAUSE = 600; // ms without a change before saving

export class Saving {
  /** @param tell called with {state: "saved" | "waiting" | "saving" | "stale" | "failed", text} */
  constructor(number, revisions, tell) {
    this.number = number;
    this.revisions = revisions; // {mask, state}
    this.tell = tell;
    this.timer = null;
    this.running = null;
    this.pending = null; // what to save: functions that return it when its turn comes
    this.stale = false;
  }

  /** Save soon. `labels` and `state` are functions, called when it happens; labels may be null. */
  soon(labels, state) {
    this.pending = { labels: labels ?? this.pending?.labels ?? null, state };
    this.tell({ state: "waiting", text: "not saved yet" });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), PAUSE);
  }

  /** Save at once what waits; resolves when all is saved. */
  async now() {
    clearTimeout(this.timer);
    while (this.running !== null) await this.running;
    if (this.pending === null || this.stale) return;
    this.running = this.#save();
    await this.running;
    this.running = null;
    if (this.pending !== null) await this.now();
  }

  async #save() {
    const { labels, state } = this.pending;
    this.pending = null;
    this.tell({ state: "saving", text: "saving" });
    try {
      if (labels !== null) {
        this.revisions.mask = await putMask(this.number, await labels(), this.revisions.mask);
      }
      const content = state();
      const path = `/api/${this.number}/state`;
      this.revisions.state = (await send("PUT", path, content, this.revisions.state)).revision;
      this.tell({ state: "saved", text: "saved" });
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        this.stale = true;
        this.tell({ state: "stale", text: "saved elsewhere since it was opened here" });
        return;
      }
      this.pending ??= { labels, state };
      this.tell({ state: "failed", text: `not saved: ${error.message}; trying again` });
      this.timer = setTimeout(() => this.now(), 3000);
    }
  }
}
