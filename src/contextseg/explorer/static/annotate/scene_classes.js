// The classes of the scene as a short list to tick, and all others by name.

import { html, useRef, useState } from "/static/vendor/htm-preact.js";
import { Chip, percent } from "../explore/readout.js";

/**
 * @param lists {scene, others} as `ordered` returns them
 * @param ticked labels, or null for all
 * @param chosen label that is painted; null is "unlabelled"
 */
export function SceneClasses({ lists, ticked, toggle, chosen, choose, show, search }) {
  const [wanted, setWanted] = useState("");
  const [place, setPlace] = useState(0);
  const [rest, setRest] = useState(false); // whether the other classes are open
  const own = useRef();
  const word = wanted.trim().toLowerCase();
  const found = word
    ? [...lists.scene, ...lists.others].filter(({ name }) => name.toLowerCase().includes(word))
        .sort((a, b) => Number(b.name.toLowerCase().startsWith(word)) -
          Number(a.name.toLowerCase().startsWith(word)))
    : [];
  const take = (entry) => {
    choose(entry.label);
    setWanted("");
    own.current?.blur();
  };
  const keys = (event) => {
    if (event.key === "ArrowDown") setPlace(Math.min(found.length - 1, place + 1));
    else if (event.key === "ArrowUp") setPlace(Math.max(0, place - 1));
    else if (event.key === "Enter" && found[place]) take(found[place]);
    else if (event.key === "Escape") { setWanted(""); own.current.blur(); }
    else return;
    event.preventDefault();
  };
  const isOn = (label) => ticked === null || ticked.includes(label);
  const row = (entry, i) => html`
    <li key=${entry.label} class=${chosen === entry.label ? "chosen" : ""}
        onMouseEnter=${() => show(entry.label)} onMouseLeave=${() => show(null)}>
      <input type="checkbox" checked=${isOn(entry.label)} aria-label=${`${entry.name} in the scene`}
             onChange=${() => toggle(entry.label)} />
      <button class="class" aria-pressed=${chosen === entry.label}
              onClick=${() => choose(entry.label)}>
        ${i < 9 && html`<kbd>${i + 1}</kbd>`}
        <${Chip} color=${entry.color} /><span class="name"><bdi>${entry.name}</bdi></span>
        <span class="number">${entry.share ? percent(entry.share) : "–"}</span>
      </button>
    </li>`;
  return html`
    <input ref=${(element) => { own.current = element; search.current = element; }} type="search"
           placeholder="Find a class ( / )" aria-label="find a class" value=${wanted}
           role="combobox" aria-expanded=${found.length > 0} aria-controls="found"
           aria-activedescendant=${found[place] ? `found-${found[place].label}` : ""}
           onInput=${(event) => { setWanted(event.target.value); setPlace(0); }}
           onKeyDown=${keys} />
    ${word && html`
      <ul id="found" role="listbox" class="found">
        ${found.slice(0, 12).map((entry, i) => html`
          <li id=${`found-${entry.label}`} role="option" aria-selected=${i === place}
              class=${i === place ? "chosen" : ""} onClick=${() => take(entry)}>
            <${Chip} color=${entry.color} /> <bdi>${entry.name}</bdi></li>`)}
        ${!found.length && html`<li class="note">No class has this in its name.</li>`}
      </ul>`}
    <h2>In the scene</h2>
    <p class="note">Most doubtful first. Take off what is not there.</p>
    <ul class="scene">
      ${lists.scene.map(row)}
      <li class=${chosen === null ? "chosen" : ""}>
        <span></span>
        <button class="class" aria-pressed=${chosen === null} onClick=${() => choose(null)}>
          <kbd>x</kbd><span class="chip none"></span><span class="name">unlabelled</span></button>
      </li>
    </ul>
    ${lists.others.length > 0 && html`
      <details onToggle=${(event) => setRest(event.target.open)}>
        <summary>${lists.others.length} more classes</summary>
        <ul class="scene">${rest && lists.others.map((entry) => row(entry, 99))}</ul>
      </details>`}`;
}
