// The column of the images: search, order, list.

import { html } from "/static/vendor/htm-preact.js";
import { ImageList } from "./list.js";

export function Side({ project, images, current, choose, order, setOrder, filter, setFilter,
                       children }) {
  return html`
    <aside class="left" aria-label="images">
      <header>
        <input type="search" placeholder="Find an image" aria-label="find an image" value=${filter}
               onInput=${(event) => setFilter(event.target.value)} />
        <label>Order
          <select value=${order} onChange=${(event) => setOrder(event.target.value)}>
            ${Object.entries(project.orders).map(([key, text]) =>
              html`<option value=${key}>${text}</option>`)}
          </select>
        </label>
        ${order !== "name" && images.ranked < images.total && html`
          <p class="note" role="status">${images.ranked} of ${images.total} looked at</p>`}
        ${children}
      </header>
      <${ImageList} images=${images} current=${current} choose=${choose}
        detail=${(image) => order !== "name" && image.scores[order] !== undefined
          ? image.scores[order].toFixed(2) : ""} />
    </aside>`;
}
