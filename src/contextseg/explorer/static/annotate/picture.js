// The mask on the screen, where only what changed is painted anew.

import { html, useLayoutEffect, useRef } from "/static/vendor/htm-preact.js";
import { palette } from "../shared/paint.js";
import { lay } from "../shared/stage.js";
import { NONE, UNLABELLED } from "./mask.js";

/** A canvas over the part that the scene has decided; `bind` receives `paint(rectangle or null)`. */
export function MaskLayer({ mask, scene, classes, opacity, shown, bind }) {
  const canvas = useRef();
  const picture = useRef(null);
  const painted = useRef(null); // the part that the canvas shows
  const paint = (rectangle = null) => {
    const element = canvas.current;
    if (!element) return;
    const { part, labels } = scene;
    const { top, left, rows, columns, step } = part;
    if (picture.current?.width !== columns || picture.current.height !== rows) {
      picture.current = new ImageData(columns, rows);
      element.width = columns;
      element.height = rows;
    }
    if (painted.current !== part) lay(element, [top, left], [rows * step, columns * step]);
    const changed = painted.current === part ? rectangle : null;
    painted.current = part;
    const [first, before, last, after] = changed === null ? [0, 0, rows, columns] : [
      Math.max(0, Math.floor((changed[0] - top) / step)),
      Math.max(0, Math.floor((changed[1] - left) / step)),
      Math.min(rows, Math.ceil((changed[2] - top) / step)),
      Math.min(columns, Math.ceil((changed[3] - left) / step)),
    ];
    if (last <= first || after <= before) return;
    const colors = palette(classes);
    if (shown !== null) for (const { label } of classes) if (label !== shown) colors[label] = 0;
    const pixels = new Uint32Array(picture.current.data.buffer);
    const { edits, width } = mask;
    for (let y = first; y < last; y++) {
      let i = (top + y * step) * width + left + before * step;
      for (let at = y * columns + before; at < y * columns + after; at++, i += step) {
        const edit = edits[i];
        if (edit === NONE) pixels[at] = colors[labels[at]];
        else pixels[at] = edit === UNLABELLED ? 0 : colors[edit];
      }
    }
    element.getContext("2d")
      .putImageData(picture.current, 0, 0, before, first, after - before, last - first);
  };
  useLayoutEffect(() => {
    bind(paint);
    paint();
  }, [mask, scene, shown]);
  useLayoutEffect(() => { canvas.current.style.opacity = String(opacity); }, [opacity]);
  return html`<canvas ref=${canvas} class="sharp" aria-hidden="true"></canvas>`;
}

/** The cursor of the brush, the polygon that is drawn, and the cursor of the keyboard. */
export function Marks({ size, round, at, corners, photo }) {
  const points = [...corners, ...(at && corners.length ? [at] : [])]
    .map(([row, column]) => `${column + 0.5},${row + 0.5}`).join(" ");
  return html`
    <svg class="marks" viewBox=${`0 0 ${photo.width} ${photo.height}`} width=${photo.width}
         height=${photo.height} aria-hidden="true">
      ${corners.length > 0 && html`
        <polygon points=${points} />
        <circle class="first" cx=${corners[0][1] + 0.5} cy=${corners[0][0] + 0.5} />`}
      ${at && round && html`<circle cx=${at[1] + 0.5} cy=${at[0] + 0.5} r=${size / 2} />`}
      ${at && !round && html`
        <g transform=${`translate(${at[1] + 0.5} ${at[0] + 0.5})`}>
          <path class="cross" d="M-9 0h6M3 0h6M0 -9v6M0 3v6" /></g>`}
    </svg>`;
}
