// The page on which a person labels images with the network's help.

import {
  html, render, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "/static/vendor/htm-preact.js";
import { Marks, MaskLayer } from "./annotate/picture.js";
import { Mask } from "./annotate/mask.js";
import { ordered } from "./annotate/order.js";
import { Saving } from "./annotate/saving.js";
import { SceneClasses } from "./annotate/scene_classes.js";
import { Hand, TOOLS } from "./annotate/tools.js";
import { Help } from "./explore/help.js";
import { readLink, writeLink } from "./explore/links.js";
import { Readout } from "./explore/readout.js";
import { getArray, getJSON } from "./shared/api.js";
import { ImageList, useImages } from "./shared/list.js";
import { openScene } from "./shared/scene.js";
import { Stage } from "./shared/stage.js";

const STEP = 8; // pixels that an arrow key moves the cursor
const KEYS = [
  ["1 to 9", "choose a class of the scene; x: unlabelled"],
  ["/", "find a class by name; Enter takes it"],
  ["t", "take the chosen class off the scene, or put it back"],
  ["b e p f m s", "brush, eraser, polygon, fill, merge, superpixel"],
  ["[ ]", "smaller, larger brush"],
  ["arrows, Enter", "move a cursor (Shift: by one pixel), use the tool there; Enter again closes a polygon"],
  ["Ctrl+Z, Ctrl+Y", "undo, redo"],
  ["c", "take over the mask of the image before"],
  ["space", "hide or show the mask"],
  ["d", "done: mark, save, go to the next image without a mask"],
  ["j, k", "next, previous image"],
  ["+ − 0, wheel, Alt+drag", "enlarge, reduce, fit, move"],
];

export async function start(place) {
  const project = await getJSON("/api/project");
  document.title = `${project.dataset || "contextseg"} · annotate`;
  render(html`<${Annotator} project=${project} />`, place);
}

/** What belongs to the image that is open. */
async function openWork(number, signal) {
  const [scene, state, saved] = await Promise.all([
    openScene(number, 0, signal, { whole: true }),
    getJSON(`/api/${number}/state`, { signal }),
    getArray(`/api/${number}/mask`, { signal }),
  ]);
  if (Array.isArray(state.state.ticks)) scene.tick(state.state.ticks);
  const mask = new Mask(scene.columns, scene.rows, scene.labels);
  if (saved.data !== null) mask.load(saved.data);
  return {
    number,
    scene,
    mask,
    revisions: { mask: saved.revision, state: state.revision },
    seconds: Number(state.state.seconds) || 0,
    done: state.state.done === true,
  };
}

function Annotator({ project }) {
  const link = useMemo(readLink, []);
  const [number, setNumber] = useState(Math.min(link.image ?? 0, project.count - 1));
  const [order, setOrder] = useState("name");
  const [filter, setFilter] = useState("");
  const [work, setWork] = useState(null);
  const [error, setError] = useState("");
  const [tool, setTool] = useState("brush");
  const [size, setSize] = useState(16);
  const [only, setOnly] = useState(false);
  const [label, setLabel] = useState(0);
  const [opacity, setOpacity] = useState(0.6);
  const [shown, setShown] = useState(null);
  const [hover, showHover] = useState(null);
  const [status, setStatus] = useState({ state: "saved", text: "" });
  const [, redraw] = useState(0);
  const [again, setAgain] = useState(0);
  const paint = useRef(() => {});
  const saving = useRef(null);
  const hand = useRef(null);
  const search = useRef();
  const help = useRef();
  const since = useRef(Date.now());
  const byKeys = useRef(false); // whether the cursor was last moved by keys
  const cursor = useRef(null); // what `hover` will be: keys may come faster than the page is drawn
  const setHover = (next) => {
    cursor.current = next;
    showHover(next);
  };
  const images = useImages(order, filter);
  const current = work !== null && work.number === number ? work : null;

  useEffect(() => {
    const leaving = new AbortController();
    setError("");
    openWork(number, leaving.signal)
      .then((opened) => {
        saving.current = new Saving(number, opened.revisions, (told) => {
          setStatus(told);
          document.body.dataset.saved = told.state;
          document.body.dataset.revision = opened.revisions.mask;
          if (told.state === "saved") images.refresh();
        });
        hand.current = new Hand(opened.mask, (rectangle, complete) => {
          if (rectangle) paint.current(rectangle);
          if (complete) save();
          redraw((old) => old + 1);
        });
        const save = () => keep(opened);
        since.current = Date.now();
        setStatus({ state: "saved", text: "" });
        setWork(opened);
        document.body.dataset.image = String(number);
        document.body.dataset.revision = opened.revisions.mask;
        document.body.dataset.saved = "saved";
      })
      .catch((problem) => {
        if (problem.name === "AbortError") return;
        setWork(null);
        setError(problem.message);
      });
    return () => leaving.abort();
  }, [number, again]);
  useEffect(() => writeLink({ image: number, pixel: null, tab: "annotate" }), [number]);
  useEffect(() => {
    const ask = (event) => {
      if (["waiting", "saving", "failed"].includes(document.body.dataset.saved)) {
        saving.current?.now();
        event.preventDefault();
      }
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);

  /** Time that the image was worked on; pauses of over a minute do not count. */
  const clock = (opened) => {
    const now = Date.now();
    opened.seconds += Math.min(60, (now - since.current) / 1000);
    since.current = now;
  };
  const keep = (opened, pixels = true) => {
    clock(opened);
    saving.current.soon(pixels ? () => opened.mask.labels() : null, () => ({
      ticks: opened.scene.ticked,
      seconds: Math.round(10 * opened.seconds) / 10,
      done: opened.done,
      model: project.models[0].name,
    }));
  };
  const choose = async (next) => {
    if (next === number || next < 0 || next >= project.count) return;
    document.body.dataset.ready = "false";
    await saving.current?.now();
    setHover(null);
    setNumber(next);
  };
  const step = (by) => {
    const place = images.placeOf(number);
    const next = place < 0 ? null : images.at(Math.max(0, Math.min(images.total - 1, place + by)));
    if (next) choose(next.n);
  };
  const nextUnlabelled = async () => {
    for (let n = 1; n <= project.count; n++) {
      const candidate = (number + n) % project.count;
      const place = images.placeOf(candidate);
      const listed = place < 0 ? null : images.at(place);
      if (listed === null || !listed.labelled) return choose(candidate);
    }
    return undefined;
  };
  const retick = (ticked) => {
    current.scene.tick(ticked);
    current.mask.proposal = current.scene.labels;
    paint.current();
    redraw((old) => old + 1);
  };
  const toggle = (each) => {
    const all = project.classes.map((entry) => entry.label);
    const before = current.scene.ticked;
    const ticked = before ?? all;
    const next = ticked.includes(each)
      ? ticked.filter((other) => other !== each)
      : [...ticked, each].sort((a, b) => a - b);
    if (!next.length) return;
    const after = next.length === all.length ? null : next;
    current.mask.push({ undo: () => retick(before), redo: () => retick(after) });
    retick(after);
    keep(current);
  };
  const move = (back) => {
    if (back ? current.mask.undo() : current.mask.redo()) {
      paint.current();
      keep(current);
      redraw((old) => old + 1);
    }
  };
  const copy = async () => {
    try {
      const before = number > 0 ? await getArray(`/api/${number - 1}/mask`) : { data: null };
      if (before.data === null) throw new Error("The image before has no mask.");
      const [rows, columns] = before.shape;
      if (rows !== current.mask.height || columns !== current.mask.width) {
        setError("The image before has another size.");
        return;
      }
      const { mask } = current;
      mask.begin();
      const groups = new Map();
      before.data.forEach((value, i) => {
        if (mask.at(i) === value) return;
        if (!groups.has(value)) groups.set(value, []);
        groups.get(value).push(i);
      });
      for (const [value, indices] of groups) mask.paint(indices, value === 255 ? 254 : value);
      mask.end();
      paint.current();
      keep(current);
    } catch (problem) {
      setError(problem.message);
    }
  };
  const done = async () => {
    current.done = true;
    keep(current);
    await saving.current.now();
    await images.refresh();
    await nextUnlabelled();
  };
  const useTool = async (key) => {
    setTool(key);
    if (key === "superpixel" && current && hand.current.segments === null) {
      try {
        hand.current.segments = (await getArray(`/api/${number}/superpixels`)).data;
      } catch (problem) {
        setError(problem.message);
      }
    }
  };
  const options = { tool, size, label, only };
  const lists = current
    ? ordered(project.classes, current.scene.shares(), current.scene.meta.presence,
              current.scene.ticked)
    : { scene: [], others: [] };

  useLayoutEffect(() => {
    const key = (event) => {
      if (event.target.closest("input[type=search], select, textarea, dialog") || !current) return;
      const pressed = event.key.toLowerCase();
      if ((event.ctrlKey || event.metaKey) && (pressed === "z" || pressed === "y")) {
        event.preventDefault();
        move(pressed === "z" && !event.shiftKey);
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const arrow = {
        ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      }[event.key];
      const chosen = TOOLS.find(({ shortcut }) => shortcut === pressed);
      const entry = /^[1-9]$/.test(event.key) ? lists.scene[Number(event.key) - 1] : null;
      if (arrow && !event.target.closest(".list, input")) {
        byKeys.current = true;
        const by = event.shiftKey ? 1 : STEP;
        const [row, column] = cursor.current ??
          [current.mask.height >> 1, current.mask.width >> 1];
        setHover([
          Math.min(current.mask.height - 1, Math.max(0, row + by * arrow[0])),
          Math.min(current.mask.width - 1, Math.max(0, column + by * arrow[1])),
        ]);
      } else if (event.key === "Enter" && !event.target.closest("button, input")) {
        const last = hand.current.corners.at(-1);
        const moved = byKeys.current && cursor.current &&
          String(cursor.current) !== String(last);
        if (tool === "polygon" && last && !moved) hand.current.finish(options);
        else if (cursor.current) {
          hand.current.down(...cursor.current, options);
          hand.current.up();
        }
      } else if (event.key === "Escape") hand.current.finish(options, false);
      else if (entry) setLabel(entry.label);
      else if (pressed === "x") setLabel(null);
      else if (pressed === "/") search.current.focus();
      else if (pressed === "t" && label !== null) toggle(label);
      else if (chosen) useTool(chosen.key);
      else if (pressed === "[") setSize(Math.max(1, Math.round(size / 1.4)));
      else if (pressed === "]") setSize(Math.min(400, Math.ceil(size * 1.4)));
      else if (pressed === "c") copy();
      else if (pressed === "d") done();
      else if (pressed === "j") step(1);
      else if (pressed === "k") step(-1);
      else if (pressed === " " && !event.target.closest("button, input")) {
        setOpacity((old) => (old > 0 ? 0 : 0.6));
      } else if (pressed === "?") help.current.showModal();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  });

  useLayoutEffect(() => { // when keys work
    if (current || error) document.body.dataset.ready = "true";
  }, [current, error]);

  const pick = (row, column, event, kind) => {
    byKeys.current = false;
    if (kind === "leave") {
      if (!event.buttons) setHover(null);
      return;
    }
    setHover([row, column]);
    if (event.altKey || event.button === 1) return;
    if (kind === "down") hand.current.down(row, column, options);
    else if (kind === "move" && event.buttons === 1) hand.current.move(row, column, options);
    else if (kind === "up") hand.current.up();
  };
  const photo = current && {
    url: `/api/${number}/image`,
    width: current.scene.meta.width,
    height: current.scene.meta.height,
  };
  const inside = hover && current && hover[0] >= 0 && hover[1] >= 0 &&
    hover[0] < current.mask.height && hover[1] < current.mask.width;

  return html`
    <div class="explorer annotator">
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
          <${Progress} status=${status} count=${project.count} />
        </header>
        <${ImageList} images=${images} current=${number} choose=${choose}
          detail=${(image) => order !== "name" && image.scores[order] !== undefined
            ? image.scores[order].toFixed(2) : ""} />
      </aside>
      <main class="middle">
        <div class="bar">
          <div class="segments" role="group" aria-label="tools">
            ${TOOLS.map(({ key, name, shortcut, text }) => html`
              <button aria-pressed=${tool === key} title=${`${text} (${shortcut})`}
                      onClick=${() => useTool(key)}>${name}</button>`)}
          </div>
          <label class="slider">Size <output>${size}</output>
            <input type="range" min="1" max="120" value=${Math.min(size, 120)}
                   aria-label="size of the brush in pixels"
                   onInput=${(event) => setSize(Number(event.target.value))} /></label>
          <label title="Paint only over the class under the first pixel of a stroke">
            <input type="checkbox" checked=${only} onChange=${() => setOnly(!only)} />
            One class</label>
          <label class="slider">Opacity
            <input type="range" min="0" max="1" step="0.05" value=${opacity}
                   onInput=${(event) => setOpacity(Number(event.target.value))} /></label>
          <button class="quiet" onClick=${() => move(true)} disabled=${!current?.mask.done.length}
                  title="Ctrl+Z">Undo</button>
          <button class="quiet" onClick=${() => move(false)} disabled=${!current?.mask.undone.length}
                  title="Ctrl+Y">Redo</button>
          <button class="quiet" onClick=${done} disabled=${!current} title="key d">Done</button>
          <button class="quiet" onClick=${() => help.current.showModal()} title="key ?">Help</button>
        </div>
        ${error && html`<p class="error" role="alert">${error}</p>`}
        ${status.state === "stale" && html`
          <p class="error" role="alert">This mask was saved elsewhere since it was opened here, so
            nothing was overwritten. <button onClick=${() => setAgain(again + 1)}>Load it again
            </button></p>`}
        ${current && html`
          <${Stage} photo=${photo} layers=${[]} pick=${pick} drawing=${true}
                    label=${`${current.scene.meta.name}, mask`}
                    over=${html`
                      <${MaskLayer} mask=${current.mask} classes=${project.classes}
                        opacity=${opacity} shown=${shown} bind=${(call) => { paint.current = call; }} />
                      <${Marks} photo=${photo} at=${hover} size=${size}
                        round=${tool === "brush" || tool === "eraser"}
                        corners=${hand.current.corners} />`} />
          <${Readout} scene=${current.scene} project=${project} pixel=${inside ? hover : null}
                      pinned=${false} />`}
      </main>
      <aside class="right" aria-label="classes">
        <div class="panel">
          ${current && html`
            <${SceneClasses} lists=${lists} ticked=${current.scene.ticked} toggle=${toggle}
              chosen=${label} choose=${setLabel} show=${setShown} search=${search} />`}
        </div>
      </aside>
      <${Help} dialog=${help} lines=${KEYS} />
    </div>`;
}

function Progress({ status, count }) {
  const [labelled, setLabelled] = useState(null);
  useEffect(() => {
    getJSON("/api/progress").then((found) => setLabelled(found.labelled), () => {});
  }, [status.state === "saved"]);
  return html`
    <p class="note" role="status">
      ${labelled !== null && `${labelled} of ${count} have a mask. `}
      <span class=${status.state === "failed" || status.state === "stale" ? "warning" : ""}>
        ${status.text}</span></p>`;
}
