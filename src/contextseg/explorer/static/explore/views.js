// The photo with one thing over it, or side by side: the photo, and each thing over it.

import { html, useMemo } from "/static/vendor/htm-preact.js";
import { Stage } from "../shared/stage.js";
import { View } from "../shared/view.js";
import { layersOf } from "./layers.js";
import { Scale } from "./maps.js";

/**
 * @param modes of this image: [key, name]
 * @param mode the one that is shown
 * @param split all of them at once; they move together
 * @param drawing {scene, other, project, opacity, outlined, shown, map}
 */
export function Views({ modes, mode, split, drawing, pick, looked, children }) {
  const view = useMemo(() => new View(), []);
  if (!split) {
    return html`<${Pane} mode=${mode} drawing=${drawing} pick=${pick} looked=${looked}
                         view=${view}>${children}</${Pane}>`;
  }
  const panes = [["photo", "Photo"], ...modes];
  return html`
    <div class=${`split ${panes.length > 4 ? "many" : ""}`}>
      ${panes.map(([key, name], i) => html`
        <${Pane} key=${key} mode=${key} drawing=${{ ...drawing, map: null }} pick=${pick}
                 looked=${i ? null : looked} view=${view} keys=${i === 0}>
          <p class="title">${name}</p>
          ${i === 0 && children}
        </${Pane}>`)}
    </div>`;
}

function Pane({ mode, drawing, pick, looked, view, keys = true, children }) {
  const { scene, other, opacity, outlined, shown, map } = drawing;
  const { n, name, width, height } = scene.meta;
  const layers = useMemo(() => layersOf({ ...drawing, mode }),
    [scene, scene.version, other?.version, mode, opacity, outlined, shown, map]);
  return html`
    <${Stage} photo=${{ url: `/api/${n}/image`, width, height }} layers=${layers} pick=${pick}
              looked=${looked} label=${`${name}, ${mode}`} view=${view} keys=${keys}>
      ${mode === "confidence" && map === null && html`
        <div class="legend" aria-label="confidence"><${Scale} low=${0} high=${1} digits=${0} /></div>`}
      ${children}
    </${Stage}>`;
}
