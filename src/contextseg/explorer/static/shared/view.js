// What of a photo is on the screen, and the part of its pixels that is worth deciding for it.

const MOST_PIXELS = 2e6; // decided at once in the page
const MARGIN = 0.1; // of the visible part, on each side: a small move needs nothing new

/** Where a photo lies in its frame; stages that share one move together. */
export class View {
  constructor() {
    Object.assign(this, { scale: 1, x: 0, y: 0, fitted: true, followers: new Set() });
  }

  set(changes) {
    Object.assign(this, changes);
    for (const follow of this.followers) follow();
  }

  /** {top, left, bottom, right}: what a frame of this size shows, in photo pixels. */
  seen(width, height) {
    const { scale, x, y } = this;
    return { top: -y / scale, left: -x / scale,
             bottom: (height - y) / scale, right: (width - x) / scale };
  }
}

export function isLarge({ height, width }) {
  return height * width > MOST_PIXELS;
}

/** All pixels of an image, or, of a large one, every second, third ... */
export function wholePart({ height, width }, most = MOST_PIXELS) {
  const step = Math.max(1, Math.ceil(Math.sqrt((height * width) / most)));
  return { top: 0, left: 0, rows: Math.ceil(height / step), columns: Math.ceil(width / step), step };
}

/** The part {top, left, rows, columns, step} that covers what is seen, with at most 2 MP. */
export function partOf(meta, { top, left, bottom, right }) {
  if (!isLarge(meta)) return wholePart(meta);
  const [dy, dx] = [MARGIN * (bottom - top), MARGIN * (right - left)];
  const first = [Math.max(0, top - dy), Math.max(0, left - dx)];
  const last = [Math.min(meta.height, bottom + dy), Math.min(meta.width, right + dx)];
  const [height, width] = [last[0] - first[0], last[1] - first[1]];
  if (height < 1 || width < 1) return wholePart(meta);
  const step = Math.max(1, Math.ceil(Math.sqrt((height * width) / MOST_PIXELS)));
  const start = first.map((at) => Math.floor(at / step) * step);
  return {
    top: start[0],
    left: start[1],
    rows: Math.ceil((Math.ceil(last[0]) - start[0]) / step),
    columns: Math.ceil((Math.ceil(last[1]) - start[1]) / step),
    step,
  };
}

/** Whether a part shows what is seen, as sharply as a new one would. */
export function covers(part, meta, seen) {
  const wanted = partOf(meta, seen);
  return part.step === wanted.step &&
    part.top <= Math.max(0, seen.top) && part.left <= Math.max(0, seen.left) &&
    part.top + part.rows * part.step >= Math.min(meta.height, seen.bottom) &&
    part.left + part.columns * part.step >= Math.min(meta.width, seen.right);
}
