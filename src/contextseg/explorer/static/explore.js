// The page that shows what a network makes of images.

import {
  html, render, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "/static/vendor/htm-preact.js";
import { ClassPanel } from "./explore/classes.js";
import { CodewordPanel } from "./explore/codewords.js";
import { GatePanel } from "./explore/gates.js";
import { HELP, Help } from "./explore/help.js";
import { modesOf } from "./explore/layers.js";
import { readLink, writeLink } from "./explore/links.js";
import { PriorPanel } from "./explore/prior.js";
import { Readout } from "./explore/readout.js";
import { Tabs } from "./explore/tabs.js";
import { Views } from "./explore/views.js";
import { AGAIN, getJSON, mayReturn, send, upload } from "./shared/api.js";
import { useImages } from "./shared/list.js";
import { expect, openScene } from "./shared/scenes.js";
import { Side } from "./shared/side.js";

export async function start(place) {
  const project = await getJSON("/api/project");
  document.title = `${project.dataset || "contextseg"} · explore`;
  render(html`<${Explorer} project=${project} />`, place);
}

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
  const [pointed, setPointed] = useState(null); // label that stands out while it is pointed at
  const [only, setOnly] = useState(null); // label that is shown alone
  const [split, setSplit] = useState(false);
  const [map, setMap] = useState(null); // of a panel, over the photo
  const [state, setState] = useState({ scene: null, other: null, error: "", number: -1 });
  const [again, setAgain] = useState(0);
  const [, redraw] = useState(0);
  const help = useRef();
  const images = useImages(order, filter);
  const model = project.models[0];

  useEffect(() => {
    let [left, timer] = [false, null];
    setMap(null);
    Promise.all(project.models.map((_, i) => openScene(number, i)))
      .then(([scene, other = null]) => {
        if (left) return;
        setState({ scene, other, error: "", number });
        document.body.dataset.image = String(number);
      })
      .catch((error) => {
        if (left) return;
        setState({ scene: null, other: null, error: error.message, number });
        if (mayReturn(error)) timer = setTimeout(() => setAgain((old) => old + 1), AGAIN);
      });
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [number, again]);
  useEffect(() => writeLink({ image: number, pixel: pinned, tab }), [number, pinned, tab]);

  const choose = (next) => {
    if (next === number || next < 0 || next >= project.count) return;
    document.body.dataset.ready = "false";
    setPinned(null);
    setHover(null);
    setNumber(next);
  };
  const show = (key) => {
    setMode(key);
    setSplit(false);
  };
  const step = (by) => {
    const place = images.placeOf(number);
    const next = place < 0 ? null : images.at(Math.max(0, Math.min(images.total - 1, place + by)));
    if (next) choose(next.n);
  };
  const { scene, other } = state;
  const current = state.number === number;
  const modes = modesOf(scene, other);
  const following = images.at(images.placeOf(number) + 1)?.n;
  useEffect(() => {
    if (!current || scene === null || following === undefined) return;
    project.models.forEach((_, i) => expect(following, i));
  }, [scene, following]);
  const complain = (error) => setState((old) => ({ ...old, error: error.message }));
  const markWrong = async () => {
    const listed = images.at(images.placeOf(number));
    try {
      await send("POST", `/api/${number}/wrong`, { wrong: !(listed?.wrong ?? false), note: "" });
      await images.refresh();
    } catch (error) {
      complain(error);
    }
  };

  useLayoutEffect(() => {
    const key = (event) => {
      if (event.target.closest("input, select, textarea, dialog")) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const called = {
        ArrowRight: () => step(1), j: () => step(1), ArrowLeft: () => step(-1), k: () => step(-1),
        o: () => setOutlined((old) => !old), w: () => scene?.truth && markWrong(),
        v: () => setSplit((old) => !old), Escape: () => setPinned(null),
        " ": event.target.closest("button, summary") ? null
          : () => setOpacity((old) => (old > 0 ? 0 : 0.6)),
        "?": () => help.current.showModal(),
      }[event.key] ?? (modes[Number(event.key) - 1] && (() => show(modes[event.key - 1][0])));
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
      const added = await upload(file);
      project.count = Math.max(project.count, added + 1);
      await images.refresh();
      choose(added);
    } catch (error) {
      complain(new Error(`${file.name}: ${error.message}`));
    }
  };

  const pixel = pinned ?? hover;
  const pick = (row, column, event, kind) => {
    if (kind === "leave") setHover(null);
    else if (kind === "move") setHover([row, column]);
    else if (kind === "up") setPinned(pinned ? null : [row, column]);
  };
  const look = (seen) => {
    const looked = [scene, other].map((each) => each?.look(seen) ?? false);
    if (looked.includes(true)) redraw((old) => old + 1);
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
  const drawing = { scene, other, project, opacity, outlined, shown: pointed ?? only, map };

  return html`
    <div class="explorer" onDragOver=${(event) => event.preventDefault()} onDrop=${drop}>
      <${Side} project=${project} images=${images} current=${number} choose=${choose} order=${order}
               setOrder=${setOrder} filter=${filter} setFilter=${setFilter} />
      <main class="middle">
        <div class="bar">
          <div class="segments" role="group" aria-label="what is shown">
            ${modes.map(([key, text], i) => html`
              <button key=${key} aria-pressed=${!split && effective === key}
                      title=${`key ${i + 1}`} onClick=${() => show(key)}>${text}</button>`)}
            <button aria-pressed=${split} title="all side by side (v)"
                    onClick=${() => setSplit(!split)}>Side by side</button>
          </div>
          <label class="slider">Opacity
            <input type="range" min="0" max="1" step="0.05" value=${opacity}
                   onInput=${(event) => setOpacity(Number(event.target.value))} />
          </label>
          <label title="key o"><input type="checkbox" checked=${outlined}
            onChange=${() => setOutlined(!outlined)} /> Outlines</label>
          ${only !== null && html`
            <button class="only" onClick=${() => setOnly(null)}>
              Only ${project.classes[only].name} <span aria-hidden="true">×</span></button>`}
          ${scene?.truth && html`
            <button class="quiet" aria-pressed=${listed?.wrong ?? false} onClick=${markWrong}
                    title="key w">${listed?.wrong ? "Labels called wrong" : "Labels are wrong"}
            </button>`}
          <button class="quiet" onClick=${() => help.current.showModal()} title="key ?">Help</button>
        </div>
        ${state.error && html`<p class="error" role="alert">${state.error}</p>`}
        ${current && scene && html`
          <${Views} modes=${modes} mode=${effective} split=${split} drawing=${drawing}
                    pick=${pick} looked=${look}><${Marker} pixel=${pinned} /></${Views}>
          <${Readout} scene=${scene} project=${project} pixel=${pixel} pinned=${pinned !== null} />`}
      </main>
      <aside class="right" aria-label="what the network sees">
        <${Tabs} tabs=${tabs} open=${open}
                 choose=${(key) => { setTab(key); setMap(null); }} />
        <div class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${open}`}>
          ${current && scene && {
            classes: () => html`<${ClassPanel} scene=${scene} project=${project} shown=${pointed}
              show=${setPointed} retick=${retick} only=${only} setOnly=${setOnly} />`,
            gates: () => html`<${GatePanel} key=${number} scene=${scene} show=${setMap} />`,
            codewords: () => html`<${CodewordPanel} key=${number} scene=${scene} show=${setMap}
              choose=${choose} />`,
            prior: () => html`<${PriorPanel} key=${number} scene=${scene} pixel=${pixel}
              show=${setMap} />`,
          }[open]()}
        </div>
      </aside>
      <${Help} dialog=${help} lines=${HELP}>
        <p>Drop a photo on the page to look at it. The address of the page leads back to the image
          and the pixel that is kept.</p></${Help}>
    </div>`;
}

function Marker({ pixel }) {
  return pixel && html`<p class="pinned" role="status">
    Pixel ${pixel[0]}, ${pixel[1]} is kept. Click or press Esc to let it go.</p>`;
}
