// Named lists of classes: what kinds of scenes there are in the project.

import { html, useState } from "/static/vendor/htm-preact.js";
import { send } from "../shared/api.js";

/**
 * @param project its `lists` change
 * @param ticked labels, or null for all
 * @param tick ticks exactly some labels
 */
export function ClassLists({ project, ticked, tick }) {
  const [error, setError] = useState("");
  const [, redraw] = useState(0);
  const names = Object.keys(project.lists);
  const same = (labels) => ticked !== null && labels.length === ticked.length &&
    labels.every((label) => ticked.includes(label));
  const chosen = names.find((name) => same(project.lists[name])) ?? "";
  const save = async (name, labels) => {
    try {
      project.lists = (await send("POST", "/api/lists", { name, labels })).lists;
      setError("");
      redraw((old) => old + 1);
    } catch (problem) {
      setError(problem.message);
    }
  };
  const add = (event) => {
    event.preventDefault();
    const field = event.target.elements.namedItem("name");
    if (field.value.trim()) save(field.value.trim(), ticked);
    field.value = "";
  };
  return html`
    <details class="lists">
      <summary>Lists of classes${chosen && html`: <bdi>${chosen}</bdi>`}</summary>
      ${names.map((name) => html`
        <div class="row" key=${name}>
          <button aria-pressed=${name === chosen}
                  onClick=${() => tick([...project.lists[name]].sort((a, b) => a - b))}>
            <bdi>${name}</bdi></button>
          <button class="small" aria-label=${`remove the list ${name}`}
                  onClick=${() => save(name, null)}>remove</button>
        </div>`)}
      ${ticked !== null && html`
        <form class="row" onSubmit=${add}>
          <input type="search" name="name" placeholder="Keep these classes as"
                 aria-label="name of a new list" /><button>Keep</button></form>`}
      ${!names.length && ticked === null && html`
        <p class="note">Tick the classes of a kind of scene, and keep them under a name.</p>`}
      ${error && html`<p class="error" role="alert">${error}</p>`}
    </details>`;
}
