// Tools and what they can be set to.

import { html } from "/static/vendor/htm-preact.js";
import { TOOLS } from "./tools.js";

export function Toolbar({ tool, choose, size, setSize, reach, setReach, only, setOnly, opacity,
                          setOpacity, mask, move, done, doubtful, help }) {
  const { text } = TOOLS.find(({ key }) => key === tool);
  return html`
    <div class="bar" role="toolbar" aria-label="tools and settings">
      <div class="segments" role="group" aria-label="tools">
        ${TOOLS.map(({ key, name, shortcut, text: about }) => html`
          <button key=${key} aria-pressed=${tool === key} title=${`${about} (${shortcut})`}
                  onClick=${() => choose(key)}>${name}</button>`)}
      </div>
      ${tool === "spread" ? html`
        <label class="slider">Reach <output>${Math.round(reach)}</output>
          <input type="range" min="0" max="100" value=${reach} aria-label="reach of spreading"
                 onInput=${(event) => setReach(Number(event.target.value))} /></label>` : html`
        <label class="slider">Size <output>${size}</output>
          <input type="range" min="1" max="120" value=${Math.min(size, 120)}
                 aria-label="size of the brush in pixels"
                 onInput=${(event) => setSize(Number(event.target.value))} /></label>`}
      <label title="Paint only over the class under the first pixel of a stroke (o)">
        <input type="checkbox" checked=${only} onChange=${() => setOnly(!only)} />
        One class</label>
      <label class="slider">Opacity
        <input type="range" min="0" max="1" step="0.05" value=${opacity}
               onInput=${(event) => setOpacity(Number(event.target.value))} /></label>
      <button class="quiet" onClick=${() => move(true)} disabled=${!mask?.done.length}
              title="Ctrl+Z">Undo</button>
      <button class="quiet" onClick=${() => move(false)} disabled=${!mask?.undone.length}
              title="Ctrl+Y">Redo</button>
      <button class="quiet" onClick=${doubtful} disabled=${!mask}
              title="The image without a mask of which the network is least certain (n)">
        Least certain</button>
      <button class="quiet" onClick=${done} disabled=${!mask}
              title="Save, and go to the next image without a mask (d)">Done</button>
      <button class="quiet" onClick=${help} title="All keys (?)">Help</button>
      <p class="hint">${text}</p>
    </div>`;
}
