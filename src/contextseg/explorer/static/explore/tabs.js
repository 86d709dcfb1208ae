// Panels of which one is open; arrow keys go from one to the next.

import { html } from "/static/vendor/htm-preact.js";

/** @param tabs [key, text]; `open` is the key of the open one */
export function Tabs({ tabs, open, choose }) {
  const keys = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = tabs.findIndex(([key]) => key === open);
    const [next] = tabs[(at + by + tabs.length) % tabs.length];
    choose(next);
    document.getElementById(`tab-${next}`).focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return html`
    <div class="tabs" role="tablist" onKeyDown=${keys}>
      ${tabs.map(([key, text]) => html`
        <button key=${key} role="tab" aria-selected=${open === key} id=${`tab-${key}`}
                tabindex=${open === key ? 0 : -1} aria-controls="panel"
                onClick=${() => choose(key)}>${text}</button>`)}
    </div>`;
}
