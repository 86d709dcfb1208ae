// The keys of the page.

import { html } from "/static/vendor/htm-preact.js";

export const HELP = [
  ["→ or j, ← or k", "next, previous image"],
  ["1 to 5", "prediction, labels, errors, second model, difference"],
  ["space", "hide or show what lies over the photo"],
  ["o", "outlines"],
  ["+ − 0, wheel", "enlarge, reduce, fit"],
  ["click", "keep a pixel; again or Esc lets it go"],
  ["w", "call the labels of this image wrong, or take that back"],
  ["?", "this list"],
];

export function Help({ dialog, lines }) {
  return html`
    <dialog ref=${dialog} aria-label="keys">
      <h2>Keys</h2>
      <dl>${lines.map(([keys, text]) => html`<dt><kbd>${keys}</kbd></dt><dd>${text}</dd>`)}</dl>
      <p>Drop a photo on the page to look at it. The address of the page leads back to the image and
        the pixel that is kept.</p>
      <form method="dialog"><button>Close</button></form>
    </dialog>`;
}
