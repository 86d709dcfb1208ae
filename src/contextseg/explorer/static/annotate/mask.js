// The mask of an image: what the network proposes, and over it what a person painted.
//
// Proposal and edits are kept apart, so that deciding anew among other classes never destroys a
// stroke. Every change is kept as the pixels that it touched: undo and redo have no limit.

export const NONE = 255; // of the edits: the proposal counts
export const UNLABELLED = 254; // of the edits: no class, on purpose

export class Mask {
  /** @param proposal labels of all pixels, row by row; its owner may change it */
  constructor(width, height, proposal) {
    this.width = width;
    this.height = height;
    this.proposal = proposal;
    this.edits = new Uint8Array(width * height).fill(NONE);
    this.done = []; // changes, oldest first
    this.undone = [];
    this.stroke = null;
  }

  /** The label of a pixel; 255 is unlabelled. */
  at(index) {
    const edit = this.edits[index];
    if (edit === NONE) return this.proposal[index];
    return edit === UNLABELLED ? 255 : edit;
  }

  /** All labels, as they are saved. */
  labels() {
    const labels = Uint8Array.from(this.proposal);
    for (let i = 0; i < labels.length; i++) {
      const edit = this.edits[i];
      if (edit !== NONE) labels[i] = edit === UNLABELLED ? 255 : edit;
    }
    return labels;
  }

  /** Takes saved labels over, all of them as edits until `compare` is called. */
  load(labels) {
    for (let i = 0; i < labels.length; i++) {
      this.edits[i] = labels[i] === 255 ? UNLABELLED : labels[i];
    }
  }

  /** Where what was loaded agrees with the proposal, it is no edit; what was painted since is one. */
  compare() {
    const painted = new Uint8Array(this.edits.length);
    for (const { indices } of [...this.done, ...this.undone, this.stroke ?? {}]) {
      indices?.forEach((i) => { painted[i] = 1; });
    }
    for (let i = 0; i < painted.length; i++) {
      if (this.edits[i] === this.proposal[i] && !painted[i]) this.edits[i] = NONE;
    }
  }

  /** Starts a change, which may be painted in many steps and is undone as one. */
  begin() {
    this.stroke = { indices: [], before: [], touched: new Uint8Array(this.edits.length) };
  }

  /** Sets the edit of pixels; returns the rectangle [top, left, bottom, right] that changed. */
  paint(indices, edit) {
    const alone = this.stroke === null;
    if (alone) this.begin();
    const { stroke, width } = this;
    let [top, left, bottom, right] = [Infinity, Infinity, -1, -1];
    for (const i of indices) {
      if (this.edits[i] === edit) continue;
      if (!stroke.touched[i]) {
        stroke.touched[i] = 1;
        stroke.indices.push(i);
        stroke.before.push(this.edits[i]);
      }
      this.edits[i] = edit;
      const row = Math.floor(i / width);
      const column = i - row * width;
      if (row < top) top = row;
      if (row > bottom) bottom = row;
      if (column < left) left = column;
      if (column > right) right = column;
    }
    if (alone) this.end();
    return bottom < 0 ? null : [top, left, bottom + 1, right + 1];
  }

  /** Makes all labels those of another mask (255: unlabelled), as one change. */
  replace(labels) {
    const groups = new Map();
    labels.forEach((label, i) => {
      if (this.at(i) === label) return;
      if (!groups.has(label)) groups.set(label, []);
      groups.get(label).push(i);
    });
    this.begin();
    for (const [label, indices] of groups) this.paint(indices, label === 255 ? UNLABELLED : label);
    this.end();
  }

  /** Takes back what has been painted since `begin`. */
  cancel() {
    const { stroke } = this;
    this.stroke = null;
    stroke?.indices.forEach((i, k) => { this.edits[i] = stroke.before[k]; });
  }

  /** Ends a change; one that changed nothing is forgotten. */
  end() {
    const { stroke } = this;
    this.stroke = null;
    if (stroke === null || !stroke.indices.length) return false;
    const indices = Uint32Array.from(stroke.indices);
    this.push({
      indices,
      before: Uint8Array.from(stroke.before),
      after: Uint8Array.from(indices, (i) => this.edits[i]),
    });
    return true;
  }

  /** Remembers a change: of pixels, or {undo, redo} functions of something else. */
  push(change) {
    this.done.push(change);
    this.undone = [];
  }

  undo() {
    return this.#move(this.done, this.undone, "before", "undo");
  }

  redo() {
    return this.#move(this.undone, this.done, "after", "redo");
  }

  #move(from, to, side, call) {
    const change = from.pop();
    if (change === undefined) return false;
    if (change[call]) change[call]();
    else change.indices.forEach((i, k) => { this.edits[i] = change[side][k]; });
    to.push(change);
    return true;
  }
}
