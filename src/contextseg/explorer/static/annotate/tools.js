// What a pointer does to the mask.

import { NONE, UNLABELLED } from "./mask.js";
import { leastCosine, similarTo } from "./similar.js";
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
  { key: "spread", name: "Spread", shortcut: "g",
    text: "Press: what the network finds alike is painted. Pull right for more, left for less." },
];
const BY_STROKES = ["brush", "eraser", "polygon"]; // need not know what the network proposes

/** Whether a tool must wait until all pixels are decided. */
export function needsAll({ tool, only }) {
  return !BY_STROKES.includes(tool) || (only && tool === "brush");
}

/**
 * Handles of a tool for one image.
 *
 * @param mask what is painted
 * @param scene what the network sees
 * @param options {tool, size, label, only, reach}: label null paints "unlabelled"; `only` restricts
 *     the brush to the class under its first pixel; `reach` of spreading, 0 to 100
 * @param changed called with the rectangle that changed, and whether the change is complete
 */
export class Hand {
  constructor(mask, scene, changed) {
    this.mask = mask;
    this.scene = scene;
    this.changed = changed;
    this.segments = null;
    this.corners = [];
    this.last = null;
    this.over = null;
    this.seed = null; // of spreading
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
    if (options.tool === "spread") {
      if (!inside) return;
      this.last = [row, column];
      this.seed = { start, label: mask.at(start), rectangle: null,
                    likeness: similarTo(this.scene, row, column) };
      mask.begin();
      this.#spread(options, edit);
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
    if (this.seed !== null) this.#spread(options, edit);
    else this.#stamp(row, column, options, edit);
    this.last = [row, column];
  }

  /** Takes back what a press began that was not meant. */
  cancel() {
    if (this.last === null) return;
    this.last = null;
    this.seed = null;
    this.mask.cancel();
    this.changed(this.whole, false);
  }

  get whole() {
    return [0, 0, this.mask.height, this.mask.width];
  }

  up() {
    if (this.last === null) return;
    this.last = null;
    this.seed = null;
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

  /** Paints anew, as far as it now reaches. */
  #spread({ reach }, edit) {
    const { mask, seed } = this;
    mask.cancel();
    mask.begin();
    const least = leastCosine(reach);
    const { region: found } = region(mask.width, mask.height, seed.start,
      (i) => mask.at(i) === seed.label && seed.likeness(i) >= least);
    const before = seed.rectangle;
    seed.rectangle = mask.paint(found, edit);
    if (before) this.changed(before, false);
    if (seed.rectangle) this.changed(seed.rectangle, false);
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
