// EncNet's scaling factors γ of the channels, and what a channel looks like before and after.

import { html, useEffect, useLayoutEffect, useRef, useState } from "/static/vendor/htm-preact.js";
import { getArray, getJSON } from "../shared/api.js";
import { heatmap } from "../shared/paint.js";
import { Picture, Scale } from "./maps.js";
import { useLoaded } from "./use.js";

export function GatePanel({ scene, show }) {
  const { n } = scene.meta;
  const gates = useLoaded(
    (signal) => getJSON(`/api/${n}/gamma`, { signal }).then((found) => found.gates), [n]);
  const [place, setPlace] = useState(0);
  if (gates === null) return html`<p class="note">Reading the gates.</p>`;
  if (gates instanceof Error) return html`<p class="error">${gates.message}</p>`;
  const sorted = gates.map((gamma, channel) => ({ gamma, channel }))
    .sort((a, b) => b.gamma - a.gamma);
  const mean = gates.reduce((a, b) => a + b, 0) / gates.length;
  const shut = gates.filter((gamma) => gamma < 0.1).length;
  const { channel, gamma } = sorted[place];
  return html`
    <p class="note">γ of ${gates.length} channels, largest first. Mean ${mean.toFixed(2)};
      ${shut} below 0.1. Choose a channel on the curve or with the slider.</p>
    <${Curve} sorted=${sorted} place=${place} choose=${setPlace} />
    <label class="slider wide">Channel ${channel}, γ = ${gamma.toFixed(3)}
      <input type="range" min="0" max=${gates.length - 1} value=${place}
             onInput=${(event) => setPlace(Number(event.target.value))} /></label>
    <${Channel} key=${channel} scene=${scene} channel=${channel} gamma=${gamma} show=${show} />`;
}

function Curve({ sorted, place, choose }) {
  const canvas = useRef();
  useLayoutEffect(() => {
    const element = canvas.current;
    const ratio = devicePixelRatio;
    const [width, height] = [element.clientWidth, element.clientHeight];
    element.width = width * ratio;
    element.height = height * ratio;
    const pen = element.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(element);
    pen.fillStyle = style.getPropertyValue("--accent");
    const bar = width / sorted.length;
    sorted.forEach(({ gamma }, i) => {
      pen.fillRect(i * bar, height * (1 - gamma), Math.max(bar, 0.5), height * gamma);
    });
    pen.fillStyle = style.getPropertyValue("--text");
    pen.fillRect(Math.max(0, (place + 0.5) * bar - 1), 0, 2, height);
  }, [sorted, place]);
  const pick = (event) => {
    if (event.buttons !== 1) return;
    const box = canvas.current.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    choose(Math.min(sorted.length - 1, Math.max(0, Math.floor(share * sorted.length))));
  };
  return html`<canvas class="curve" ref=${canvas} onPointerDown=${pick} onPointerMove=${pick}
    role="img" aria-label="scaling factors of all channels, largest first"></canvas>`;
}

function Channel({ scene, channel, gamma, show }) {
  const { n, name } = scene.meta;
  const found = useLoaded(
    (signal) => getArray(`/api/${n}/channel/${channel}`, { signal }), [n, channel]);
  const [side, setSide] = useState(null);
  const maps = found === null || found instanceof Error ? null : mapsOf(found);
  useEffect(() => {
    show(side === null || maps === null ? null : { picture: maps[side].picture });
    return () => show(null);
  }, [side, maps === null]);
  if (maps === null) return html`<p class="note">${found?.message ?? "Reading the channel."}</p>`;
  return html`
    <div class="pair">
      ${["before", "after"].map((word, i) => html`
        <figure>
          <button class="picture" aria-pressed=${side === i}
                  onClick=${() => setSide(side === i ? null : i)}
                  title="show over the photo">
            <${Picture} picture=${maps[i].picture} label=${`channel ${channel} ${word} the gate`} />
          </button>
          <figcaption>${word} the gate${i ? ` (γ ${gamma.toFixed(2)})` : ""}</figcaption>
        </figure>`)}
    </div>
    <${Scale} low=${maps[0].low} high=${maps[0].high} />`;
}

/** Both maps on the scale of the first, so that the gate is visible. */
function mapsOf({ data, shape: [, rows, columns] }) {
  const size = rows * columns;
  const before = heatmap(data.subarray(0, size), rows, columns);
  return [before, heatmap(data.subarray(size), rows, columns, [before.low, before.high])];
}
