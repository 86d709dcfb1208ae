// Where each codeword is: the soft assignment of the pixels, and the photos that use it most.

import { html, useEffect, useState } from "/static/vendor/htm-preact.js";
import { getArray, getJSON } from "../shared/api.js";
import { heatmap } from "../shared/paint.js";
import { Picture, Scale } from "./maps.js";
import { percent } from "./readout.js";
import { useLoaded } from "./use.js";

export function CodewordPanel({ scene, show, choose }) {
  const { n } = scene.meta;
  const found = useLoaded((signal) => getArray(`/api/${n}/assignment`, { signal }), [n]);
  const [chosen, setChosen] = useState(null);
  const words = found === null || found instanceof Error ? null : wordsOf(found);
  useEffect(() => {
    show(chosen === null || words === null ? null : { picture: words[chosen].map.picture });
    return () => show(null);
  }, [chosen, words === null]);
  if (words === null) return html`<p class="note">${found?.message ?? "Reading the codewords."}</p>`;
  const order = words.map((_, k) => k).sort((a, b) => words[b].share - words[a].share);
  return html`
    <p class="note">How much each of ${words.length} codewords holds of each pixel; most used first.
      Each map has a scale of its own. Choose one to see it over the photo.</p>
    <div class="grid">
      ${order.map((k) => html`
        <figure key=${k}>
          <button class="picture" aria-pressed=${chosen === k}
                  onClick=${() => setChosen(chosen === k ? null : k)}>
            <${Picture} picture=${words[k].map.picture} label=${`codeword ${k}`} />
          </button>
          <figcaption>${k}: ${percent(words[k].share)}</figcaption>
        </figure>`)}
    </div>
    ${chosen !== null && html`
      <${Scale} low=${words[chosen].map.low} high=${words[chosen].map.high} />
      <${Users} key=${chosen} codeword=${chosen} choose=${choose} />`}`;
}

function wordsOf({ data, shape: [count, rows, columns] }) {
  const size = rows * columns;
  return Array.from({ length: count }, (_, k) => {
    const values = data.subarray(k * size, (k + 1) * size);
    const share = values.reduce((a, b) => a + b, 0) / size;
    return { share, map: heatmap(values, rows, columns) };
  });
}

function Users({ codeword, choose }) {
  const found = useLoaded(
    (signal) => getJSON(`/api/codewords/${codeword}`, { signal }), [codeword]);
  if (found === null || found instanceof Error) return null;
  return html`
    <h2>Photos that use codeword ${codeword} most</h2>
    <p class="note">Of those looked at so far.</p>
    <div class="grid">
      ${found.images.map(({ n, share }) => html`
        <figure key=${n}>
          <button class="picture" onClick=${() => choose(n)}>
            <img src=${`/api/${n}/thumbnail`} alt=${`image ${n}`} loading="lazy" /></button>
          <figcaption>${percent(share)}</figcaption>
        </figure>`)}
    </div>`;
}
