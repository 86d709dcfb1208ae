// What a pointer does to the mask.

import { NONE, UNLABELLED } from "./mask.js";
import { mostFrequent, polygon, region, thickLine } from "./shapes.js";

export const TOOLS = [
  { key: "brush", name: "Brush", shortcut: "b", text: "Paint the chosen class." },
  { key: "eraser", name: "Eraser", shortcut: "e", text: "Back to what the network proposes." },
  { key: "polygon", name: "Polygon", shortcut: "p",
    text: "Click corners. Enter or a click on the first one closes it, Esc drops it." },
  { key: "fill", name: "Fill", shortcut: "f", text: "Give a region the chosen class." },
  { key: "border", name: "Merge", shortcut: "m",
    text: "Give a region the class that surrounds it." },
  { key: "superpixel", name: "Superpixel", shortcut: "s",
    text: "Paint pieces of similar colour, within the region under the pointer." },
];

/**
 * Handles of a tool for one image.
 *
 * @param mask what is painted
 * @param options {tool, size, label, only}: label null paints "unlabelled"; `only` restricts the
 *     brush to the class under its first pixel
 * @param changed called with the rectangle that changed, and whether the change is complete
 * @param segments superpixel of each pixel (Int32Array), or null
 */
export class Hand {
  constructor(mask, changed) {
    this.mask = mask;
    this.changed = changed;
    this.segments = null;
    this.corners = [];
    this.last = null;
    this.over = null;
  }

  down(row, column, options) {
    const { mask } = this;
    const edit = options.tool === "eraser" ? NONE : options.label ?? UNLABELLED;
    const start = row * mask.width + column;
    const inside = row >= 0 && column >= 0 && row < mask.height && column < mask.width;
    if (options.tool === "polygon") {
      this.#corner(row, column, edit);
      return;
    }
    if (options.tool === "fill" || options.tool === "border") {
      if (!inside) return;
      const label = mask.at(start);
      const found = region(mask.width, mask.height, start, (i) => mask.at(i) === label);
      const around = options.tool === "fill" ? edit
        : mostFrequent(found.border.map((i) => mask.at(i)));
      if (around === null) return;
      this.changed(mask.paint(found.region, around === 255 ? UNLABELLED : around), true);
      return;
    }
    mask.begin();
    this.over = inside ? mask.at(start) : null;
    this.last = [row, column];
    this.#stamp(row, column, options, edit);
  }

  move(row, column, options) {
    if (this.last === null) return;
    const edit = options.tool === "eraser" ? NONE : options.label ?? UNLABELLED;
    this.#stamp(row, column, options, edit);
    this.last = [row, column];
  }

  up() {
    if (this.last === null) return;
    this.last = null;
    if (this.mask.end()) this.changed(null, true);
  }

  /** Closes the polygon with its last corner, or drops it. */
  finish(options, keep = true) {
    const corners = this.corners;
    this.corners = [];
    if (!keep || corners.length < 3) {
      this.changed(null, false);
      return;
    }
    const edit = options.label ?? UNLABELLED;
    const inside = polygon(this.mask.width, this.mask.height, corners);
    this.changed(this.mask.paint(inside, edit), true);
  }

  #corner(row, column, edit) {
    const [first] = this.corners;
    if (first && Math.hypot(first[0] - row, first[1] - column) < 6 && this.corners.length > 2) {
      this.finish({ label: edit === UNLABELLED ? null : edit });
    } else {
      this.corners.push([row, column]);
      this.changed(null, false);
    }
  }

  #stamp(row, column, options, edit) {
    const { mask } = this;
    let found;
    if (options.tool === "superpixel") {
      const start = row * mask.width + column;
      if (this.segments === null || row < 0 || column < 0 || row >= mask.height ||
          column >= mask.width) return;
      const [piece, label] = [this.segments[start], mask.at(start)];
      found = region(mask.width, mask.height, start,
        (i) => this.segments[i] === piece && mask.at(i) === label).region;
    } else {
      found = thickLine(mask.width, mask.height, this.last, [row, column], options.size / 2);
      if (options.only && this.over !== null && options.tool === "brush") {
        const chosen = edit === UNLABELLED ? 255 : edit;
        found = found.filter((i) => mask.at(i) === this.over || mask.at(i) === chosen);
      }
    }
    this.changed(mask.paint(found, edit), false);
  }
}
