// The page that shows what a network makes of images.

import {
  html, render, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "/static/vendor/htm-preact.js";
import { ClassPanel } from "./explore/classes.js";
import { CodewordPanel } from "./explore/codewords.js";
import { GatePanel } from "./explore/gates.js";
import { HELP, Help } from "./explore/help.js";
import { PriorPanel } from "./explore/prior.js";
import { Readout } from "./explore/readout.js";
import { readLink, writeLink } from "./explore/links.js";
import { getJSON, send } from "./shared/api.js";
import { ImageList, useImages } from "./shared/list.js";
import { layersOf } from "./explore/layers.js";
import { openScene } from "./shared/scene.js";
import { Stage } from "./shared/stage.js";

export async function start(place) {
  const project = await getJSON("/api/project");
  document.title = `${project.dataset || "contextseg"} · explore`;
  render(html`<${Explorer} project=${project} />`, place);
}

const MODES = [
  ["prediction", "Prediction"],
  ["truth", "Labels"],
  ["errors", "Errors"],
  ["other", "Model 2"],
  ["difference", "Difference"],
];

function Explorer({ project }) {
  const link = useMemo(readLink, []);
  const [number, setNumber] = useState(Math.min(link.image ?? 0, project.count - 1));
  const [order, setOrder] = useState("name");
  const [filter, setFilter] = useState("");
  const [mode, setMode] = useState("prediction");
  const [opacity, setOpacity] = useState(0.6);
  const [outlined, setOutlined] = useState(false);
  const [tab, setTab] = useState(link.tab ?? "classes");
  const [pinned, setPinned] = useState(link.pixel);
  const [hover, setHover] = useState(null);
  const [shown, setShown] = useState(null); // label that stands out
  const [map, setMap] = useState(null); // of a panel, over the photo
  const [state, setState] = useState({ scene: null, other: null, error: "", number: -1 });
  const [, redraw] = useState(0);
  const help = useRef();
  const images = useImages(order, filter);
  const model = project.models[0];

  useEffect(() => {
    const leaving = new AbortController();
    const both = project.models.length > 1;
    setMap(null);
    Promise.all([
      openScene(number, 0, leaving.signal),
      both ? openScene(number, 1, leaving.signal) : null,
    ])
      .then(([scene, other]) => {
        setState({ scene, other, error: "", number });
        document.body.dataset.image = String(number);
      })
      .catch((error) => {
        if (error.name !== "AbortError") {
          setState({ scene: null, other: null, error: error.message, number });
        }
      });
    return () => leaving.abort();
  }, [number]);
  useEffect(() => writeLink({ image: number, pixel: pinned, tab }), [number, pinned, tab]);

  const choose = (next) => {
    if (next === number || next < 0 || next >= project.count) return;
    document.body.dataset.ready = "false";
    setPinned(null);
    setHover(null);
    setNumber(next);
  };
  const step = (by) => {
    const place = images.placeOf(number);
    const next = place < 0 ? null : images.at(Math.max(0, Math.min(images.total - 1, place + by)));
    if (next) choose(next.n);
  };
  const { scene, other } = state;
  const current = state.number === number;
  const modes = MODES.filter(([key]) =>
    key === "prediction" ||
    (key === "other" || key === "difference" ? other !== null : scene?.truth != null));
  const markWrong = async () => {
    const listed = images.at(images.placeOf(number));
    await send("POST", `/api/${number}/wrong`, { wrong: !(listed?.wrong ?? false), note: "" });
    await images.refresh();
  };

  useLayoutEffect(() => {
    const key = (event) => {
      if (event.target.closest("input, select, textarea, dialog")) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const called = {
        ArrowRight: () => step(1), j: () => step(1), ArrowLeft: () => step(-1), k: () => step(-1),
        o: () => setOutlined((old) => !old), w: () => scene?.truth && markWrong(),
        " ": () => setOpacity((old) => (old > 0 ? 0 : 0.6)), Escape: () => setPinned(null),
        "?": () => help.current.showModal(),
      }[event.key] ?? (modes[Number(event.key) - 1] && (() => setMode(modes[event.key - 1][0])));
      if (called) {
        event.preventDefault();
        called();
      }
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  });

  useLayoutEffect(() => { // when keys work
    if (current) document.body.dataset.ready = "true";
  }, [state]);

  const drop = async (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (!file) return;
    try {
      const response = await fetch("/api/upload", { method: "POST", body: file });
      const content = await response.json();
      if (!response.ok) throw new Error(content.error);
      project.count = Math.max(project.count, content.n + 1);
      await images.refresh();
      choose(content.n);
    } catch (error) {
      setState((old) => ({ ...old, error: `${file.name}: ${error.message}` }));
    }
  };

  const pixel = pinned ?? hover;
  const pick = (row, column, event, kind) => {
    if (kind === "leave") setHover(null);
    else if (kind === "move") setHover([row, column]);
    else if (kind === "up") setPinned(pinned ? null : [row, column]);
  };
  const retick = (ticked) => {
    scene.tick(ticked);
    redraw((old) => old + 1);
  };
  const effective = modes.some(([key]) => key === mode) ? mode : "prediction";
  const tabs = [
    ["classes", "Classes"],
    ...(model.gates ? [["gates", "Gates γ"]] : []),
    ...(model.codewords ? [["codewords", "Codewords"]] : []),
    ...(model.prior ? [["prior", "Context prior"]] : []),
  ];
  const open = tabs.some(([key]) => key === tab) ? tab : "classes";
  const listed = images.at(images.placeOf(number));
  const layers = current && scene
    ? layersOf({ scene, other, project, mode: effective, opacity, outlined, shown, map })
    : [];

  return html`
    <div class="explorer" onDragOver=${(event) => event.preventDefault()} onDrop=${drop}>
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
        </header>
        <${ImageList} images=${images} current=${number} choose=${choose}
          detail=${(image) => order !== "name" && image.scores[order] !== undefined
            ? image.scores[order].toFixed(2) : ""} />
      </aside>
      <main class="middle">
        <div class="bar">
          <div class="segments" role="group" aria-label="what is shown">
            ${modes.map(([key, text], i) => html`
              <button aria-pressed=${effective === key} title=${`key ${i + 1}`}
                      onClick=${() => setMode(key)}>${text}</button>`)}
          </div>
          <label class="slider">Opacity
            <input type="range" min="0" max="1" step="0.05" value=${opacity}
                   onInput=${(event) => setOpacity(Number(event.target.value))} />
          </label>
          <label><input type="checkbox" checked=${outlined}
            onChange=${() => setOutlined(!outlined)} /> Outlines</label>
          ${scene?.truth && html`
            <button class="quiet" aria-pressed=${listed?.wrong ?? false} onClick=${markWrong}
                    title="key w">${listed?.wrong ? "Labels called wrong" : "Labels are wrong"}
            </button>`}
          <button class="quiet" onClick=${() => help.current.showModal()} title="key ?">Help</button>
        </div>
        ${state.error && html`<p class="error" role="alert">${state.error}</p>`}
        ${current && scene && html`
          <${Stage} photo=${{ url: `/api/${number}/image`, width: scene.meta.width,
                              height: scene.meta.height }}
                    layers=${layers} pick=${pick} label=${`${scene.meta.name}, ${effective}`}>
            <${Marker} pixel=${pinned} />
          </${Stage}>
          <${Readout} scene=${scene} project=${project} pixel=${pixel} pinned=${pinned !== null} />`}
      </main>
      <aside class="right" aria-label="what the network sees">
        <div class="tabs" role="tablist">
          ${tabs.map(([key, text]) => html`
            <button role="tab" aria-selected=${open === key} id=${`tab-${key}`}
                    aria-controls="panel" onClick=${() => { setTab(key); setMap(null); }}>
              ${text}</button>`)}
        </div>
        <div class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${open}`}>
          ${current && scene && {
            classes: () => html`<${ClassPanel} scene=${scene} project=${project} shown=${shown}
              show=${setShown} retick=${retick} />`,
            gates: () => html`<${GatePanel} key=${number} scene=${scene} show=${setMap} />`,
            codewords: () => html`<${CodewordPanel} key=${number} scene=${scene} show=${setMap}
              choose=${choose} />`,
            prior: () => html`<${PriorPanel} key=${number} scene=${scene} pixel=${pixel}
              show=${setMap} />`,
          }[open]()}
        </div>
      </aside>
      <${Help} dialog=${help} lines=${HELP} />
    </div>`;
}

function Marker({ pixel }) {
  return pixel && html`<p class="pinned" role="status">
    Pixel ${pixel[0]}, ${pixel[1]} is kept. Click or press Esc to let it go.</p>`;
}
