// Small maps in panels, and the scale that says what their colours mean.

import { html, useLayoutEffect, useRef } from "/static/vendor/htm-preact.js";
import { heat } from "../shared/paint.js";

export function Picture({ picture, label, smooth = false }) {
  const canvas = useRef();
  useLayoutEffect(() => {
    canvas.current.width = picture.width;
    canvas.current.height = picture.height;
    canvas.current.getContext("2d").putImageData(picture, 0, 0);
  }, [picture]);
  return html`<canvas class=${`map ${smooth ? "smooth" : "sharp"}`} ref=${canvas} role="img"
                      aria-label=${label}></canvas>`;
}

/** The colours from `low` to `high`. */
export function Scale({ low, high, digits = 2 }) {
  const canvas = useRef();
  useLayoutEffect(() => {
    const picture = new ImageData(128, 1);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < 128; i++) pixels[i] = heat(i / 127);
    canvas.current.width = 128;
    canvas.current.height = 1;
    canvas.current.getContext("2d").putImageData(picture, 0, 0);
  }, []);
  return html`<p class="scale"><span>${low.toFixed(digits)}</span>
    <canvas ref=${canvas} aria-hidden="true"></canvas><span>${high.toFixed(digits)}</span></p>`;
}
