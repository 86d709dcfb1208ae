// Which classes are in the mask, and which the network believes are in the scene.

import { html, useState } from "/static/vendor/htm-preact.js";
import { Chip, percent } from "./readout.js";

/** 0 to 1. */
const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

export function ClassPanel({ scene, project, shown, show, retick, only, setOnly }) {
  const [wanted, setWanted] = useState("");
  const shares = scene.shares();
  const { presence } = scene.meta;
  const ticked = scene.ticked ?? project.classes.map(({ label }) => label);
  const word = wanted.toLowerCase();
  const rows = project.classes
    .filter(({ name }) => name.toLowerCase().includes(word))
    .map((each) => ({ ...each, share: shares[each.label], logit: presence?.[each.label] }))
    .sort((a, b) => b.share - a.share || (b.logit ?? 0) - (a.logit ?? 0));
  const toggle = (label) => {
    const next = ticked.includes(label)
      ? ticked.filter((each) => each !== label)
      : [...ticked, label].sort((a, b) => a - b);
    if (next.length) retick(next.length === project.classes.length ? null : next);
  };
  return html`
    <p class="note">Take a class off, and each pixel is decided among the others.
      ${presence && " The bar is the probability that the class is anywhere in the image; the number, its logit."}</p>
    <div class="row">
      <input type="search" placeholder="Find a class" aria-label="find a class" value=${wanted}
             onInput=${(event) => setWanted(event.target.value)} />
      <button disabled=${scene.ticked === null} onClick=${() => retick(null)}>All</button>
    </div>
    <table class="classes">
      <thead><tr><th scope="col">class</th><th scope="col" class="number">area</th>
        ${presence && html`<th scope="col" colspan="2">in the scene</th>`}
        <th></th></tr></thead>
      <tbody>
        ${rows.map(({ label, name, color, share, logit }) => html`
          <tr key=${label} class=${share ? "" : "absent"}
              onMouseEnter=${() => show(label)} onMouseLeave=${() => show(null)}
              aria-current=${shown === label}>
            <th scope="row"><label>
              <input type="checkbox" checked=${ticked.includes(label)}
                     onChange=${() => toggle(label)} />
              <${Chip} color=${color} /> <bdi>${name}</bdi></label></th>
            <td class="number">${share ? percent(share) : "–"}</td>
            ${presence && html`
              <td class="presence"><meter min="0" max="1" value=${sigmoid(logit)}
                aria-label=${`${name} in the scene`}>${percent(sigmoid(logit))}</meter></td>
              <td class="number" title="logit of presence">${logit.toFixed(1)}</td>`}
            <td><button class="small" aria-pressed=${only === label} title=${`show ${name} alone`}
                        aria-label=${`only ${name}`}
                        onClick=${() => setOnly(only === label ? null : label)}>only</button></td>
          </tr>`)}
      </tbody>
    </table>`;
}
