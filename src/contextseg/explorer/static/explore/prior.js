// CPNet's context prior: what the pixel under the pointer takes for its own class.

import { html, useEffect, useState } from "/static/vendor/htm-preact.js";
import { getArray } from "../shared/api.js";
import { heatmap } from "../shared/paint.js";
import { Picture, Scale } from "./maps.js";
import { useLoaded } from "./use.js";

export function PriorPanel({ scene, pixel, show }) {
  const { n } = scene.meta;
  const [over, setOver] = useState(true);
  const feature = pixel === null ? null : scene.feature(...pixel);
  const found = useLoaded(
    (signal) => feature === null ? Promise.resolve(null)
      : getArray(`/api/${n}/prior?row=${feature[0]}&column=${feature[1]}`, { signal }),
    [n, feature?.join()]);
  const contexts = useLoaded((signal) => getArray(`/api/${n}/contexts`, { signal }), [n]);
  const maps = found === null || found instanceof Error ? null : mapsOf(found, [0, 1]);
  useEffect(() => {
    show(maps === null || !over ? null : { picture: maps[0].picture });
    return () => show(null);
  }, [found, over]);
  return html`
    <p class="note">Point at the photo: bright is what the pixel takes for its own class.
      ${scene.truth && " Beside it, what the labels say it should be."}</p>
    <label><input type="checkbox" checked=${over} onChange=${() => setOver(!over)} />
      Show it over the photo</label>
    ${maps !== null && html`
      <div class="pair">
        <figure><${Picture} picture=${maps[0].picture} label="row of the prior" />
          <figcaption>predicted</figcaption></figure>
        ${maps.length > 1 && html`
          <figure><${Picture} picture=${maps[1].picture} label="ideal affinity" />
            <figcaption>by the labels</figcaption></figure>`}
      </div>
      <${Scale} low=${0} high=${1} digits=${0} />`}
    ${contexts !== null && !(contexts instanceof Error) && html`
      <h2>Gathered context</h2>
      <p class="note">Length of the vector at each pixel.</p>
      <div class="pair">
        ${mapsOf(contexts, null).map(({ picture }, i) => html`
          <figure><${Picture} picture=${picture} label=${["intra", "inter"][i]} />
            <figcaption>${["of its own class", "of other classes"][i]}</figcaption></figure>`)}
      </div>`}`;
}

function mapsOf({ data, shape: [count, rows, columns] }, range) {
  const size = rows * columns;
  return Array.from({ length: count }, (_, i) =>
    heatmap(data.subarray(i * size, (i + 1) * size), rows, columns, range));
}
