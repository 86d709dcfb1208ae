// The class under the pointer, how sure the network is of it, and the runners-up.

import { html } from "/static/vendor/htm-preact.js";

export function Chip({ color }) {
  return html`<span class="chip" style=${{ background: `rgb(${color.join(",")})` }}
                    aria-hidden="true"></span>`;
}

export function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value.toFixed(value < 10 ? 1 : 0)} %`;
}

export function Readout({ scene, project, pixel, pinned }) {
  if (pixel === null) {
    return html`<p class="readout" aria-live="off">Point at the photo. A click keeps the pixel.</p>`;
  }
  const [row, column] = pixel;
  const found = scene.candidates(row, column).slice(0, 4);
  const given = scene.given(row, column);
  const name = (label) => project.classes[label].name;
  return html`
    <p class="readout" aria-live=${pinned ? "polite" : "off"}>
      <span class="at">${row}, ${column}</span>
      ${found.map(({ label, probability }, i) => html`
        <span class=${i ? "runner" : "winner"}>
          <${Chip} color=${project.classes[label].color} /> <bdi>${name(label)}</bdi> ${percent(probability)}
        </span>`)}
      ${given !== undefined && html`<span class="given">labelled as
        <strong> ${given === 255 ? "nothing" : name(given)}</strong></span>`}
    </p>`;
}
