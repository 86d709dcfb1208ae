// The mask on the screen, where only what changed is painted anew.

import { html, useLayoutEffect, useRef } from "/static/vendor/htm-preact.js";
import { palette } from "../shared/paint.js";

/** A canvas of the image's size; `bind` receives `paint(rectangle or null)`. */
export function MaskLayer({ mask, classes, opacity, shown, bind }) {
  const canvas = useRef();
  const picture = useRef(null);
  const paint = (rectangle = null) => {
    const { width, height } = mask;
    const element = canvas.current;
    if (element === undefined || element === null) return;
    if (picture.current === null || picture.current.width !== width ||
        picture.current.height !== height) {
      picture.current = new ImageData(width, height);
      element.width = width;
      element.height = height;
    }
    const [top, left, bottom, right] = rectangle ?? [0, 0, height, width];
    const colors = palette(classes);
    if (shown !== null) for (const { label } of classes) if (label !== shown) colors[label] = 0;
    const pixels = new Uint32Array(picture.current.data.buffer);
    for (let row = top; row < bottom; row++) {
      for (let i = row * width + left; i < row * width + right; i++) pixels[i] = colors[mask.at(i)];
    }
    element.getContext("2d")
      .putImageData(picture.current, 0, 0, left, top, right - left, bottom - top);
  };
  useLayoutEffect(() => {
    bind(paint);
    paint();
  }, [mask, shown]);
  useLayoutEffect(() => { canvas.current.style.opacity = String(opacity); }, [opacity]);
  return html`<canvas ref=${canvas} class="sharp" aria-hidden="true"></canvas>`;
}

/** The cursor of the brush, the corners of a polygon, and the cursor of the keyboard. */
export function Marks({ size, round, at, corners, photo }) {
  return html`
    <svg class="marks" viewBox=${`0 0 ${photo.width} ${photo.height}`} width=${photo.width}
         height=${photo.height} aria-hidden="true">
      ${at && round && html`<circle cx=${at[1] + 0.5} cy=${at[0] + 0.5} r=${size / 2} />`}
      ${at && !round && html`<path d=${`M${at[1] - 6} ${at[0]}h13M${at[1] + 0.5} ${at[0] - 6}v13`} />`}
      ${corners.length > 0 && html`
        <polyline points=${[...corners, ...(at ? [at] : [])]
          .map(([row, column]) => `${column},${row}`).join(" ")} />`}
    </svg>`;
}
