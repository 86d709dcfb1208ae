// The keys of the page.

import { html } from "/static/vendor/htm-preact.js";

export const HELP = [
  ["→ or j, ← or k", "next, previous image"],
  ["1 to 6", "what is shown, in the order of the buttons"],
  ["v", "all of that side by side"],
  ["space", "hide or show what lies over the photo"],
  ["o", "outlines"],
  ["+ − 0, wheel, two fingers", "enlarge, reduce, fit"],
  ["click", "keep a pixel; again or Esc lets it go"],
  ["w", "call the labels of this image wrong, or take that back"],
  ["?", "this list"],
];

export function Help({ dialog, lines, children }) {
  return html`
    <dialog ref=${dialog} aria-label="keys">
      <h2>Keys</h2>
      <dl>${lines.map(([keys, text]) => html`<dt><kbd>${keys}</kbd></dt><dd>${text}</dd>`)}</dl>
      ${children}
      <form method="dialog"><button>Close</button></form>
    </dialog>`;
}
