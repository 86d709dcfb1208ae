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

  /** Takes saved labels over: where they differ from the proposal, they are edits. */
  load(labels) {
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] === this.proposal[i]) this.edits[i] = NONE;
      else this.edits[i] = labels[i] === 255 ? UNLABELLED : labels[i];
    }
  }

  /** Starts a change, which may be painted in many steps and is undone as one. */
  begin() {
    this.stroke = { indices: [], before: [], after: [], touched: new Set() };
  }

  /** Sets the edit of pixels; returns the rectangle [top, left, bottom, right] that changed. */
  paint(indices, edit) {
    const alone = this.stroke === null;
    if (alone) this.begin();
    const { stroke, width } = this;
    let [top, left, bottom, right] = [Infinity, Infinity, -1, -1];
    for (const i of indices) {
      if (this.edits[i] === edit) continue;
      if (!stroke.touched.has(i)) {
        stroke.touched.add(i);
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

  /** Share of the pixels that a person painted. */
  painted() {
    let count = 0;
    for (const edit of this.edits) if (edit !== NONE) count++;
    return count / this.edits.length;
  }
}
