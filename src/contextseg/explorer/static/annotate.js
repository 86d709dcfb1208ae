// The page on which a person labels images with the network's help.

import {
  html, render, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "/static/vendor/htm-preact.js";
import { ClassLists } from "./annotate/class_lists.js";
import { ExportPanel } from "./annotate/export_panel.js";
import { actionOf, KEYS } from "./annotate/keys.js";
import { LearnPanel } from "./annotate/learn_panel.js";
import { nextUnlabelled } from "./annotate/next.js";
import { ordered } from "./annotate/order.js";
import { Marks, MaskLayer } from "./annotate/picture.js";
import { saveAll } from "./annotate/saving.js";
import { SceneClasses } from "./annotate/scene_classes.js";
import { Toolbar } from "./annotate/toolbar.js";
import { Hand, needsAll } from "./annotate/tools.js";
import { Work } from "./annotate/work.js";
import { Help } from "./explore/help.js";
import { readLink, writeLink } from "./explore/links.js";
import { Readout } from "./explore/readout.js";
import { Tabs } from "./explore/tabs.js";
import { AGAIN, getArray, getJSON, mayReturn } from "./shared/api.js";
import { useImages } from "./shared/list.js";
import { expect, forgetScenes } from "./shared/scenes.js";
import { Side } from "./shared/side.js";
import { Stage } from "./shared/stage.js";

const TABS = [["classes", "Classes"], ["learn", "Learn"], ["export", "Export"]];
const PULL = 4; // screen pixels for one more of reach

export async function start(place) {
  const project = await getJSON("/api/project");
  document.title = `${project.dataset || "contextseg"} · annotate`;
  render(html`<${Annotator} project=${project} />`, place);
}

function Annotator({ project }) {
  const link = useMemo(readLink, []);
  const [number, setNumber] = useState(Math.min(link.image ?? project.position, project.count - 1));
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
  const [reach, setReach] = useState(26);
  const [tab, setTab] = useState("classes");
  const paint = useRef(() => {});
  const hand = useRef(null);
  const search = useRef();
  const help = useRef();
  const byKeys = useRef(false); // whether the cursor was last moved by keys
  const pressed = useRef(null); // where a press began, and the reach then
  const cursor = useRef(null); // what `hover` will be: keys may come faster than the page is drawn
  const setHover = (next) => {
    cursor.current = next;
    showHover(next);
  };
  const images = useImages(order, filter);
  const current = work !== null && work.number === number ? work : null;

  useEffect(() => {
    let [opened, left, timer] = [null, false, null];
    setError("");
    const tellOfLeft = ({ state, text }) => { // the server was gone when the image was left
      if (state === "stale") setError(`Image ${number} was ${text}: the last changes are not in it.`);
      else if (state === "failed") setStatus({ state, text });
      else if (state === "saved") setStatus((old) => (old.state === "failed" ? { state, text } : old));
    };
    const tell = (told) => {
      if (told.state === "saved") images.refresh();
      if (left) return tellOfLeft(told);
      setStatus(told);
      document.body.dataset.saved = told.state;
      if (opened) document.body.dataset.revision = opened.revisions.mask;
      return undefined;
    };
    Work.open(number, project.models[0].name, tell)
      .then((found) => {
        if (left) return found.close();
        opened = found;
        hand.current = new Hand(found.mask, found.scene, (rectangle, complete) => {
          if (rectangle) paint.current(rectangle);
          if (complete) found.keep();
          redraw((old) => old + 1);
        });
        setWork(found);
        Object.assign(document.body.dataset, {
          image: String(number), revision: found.revisions.mask, saved: "saved",
        });
        setStatus({ state: "saved", text: "" });
        return found.ready.then(() => paint.current());
      })
      .catch((problem) => {
        if (left) return;
        setWork(null);
        setError(problem.message);
        if (mayReturn(problem)) timer = setTimeout(() => setAgain((old) => old + 1), AGAIN);
      });
    return () => {
      left = true;
      clearTimeout(timer);
      opened?.close();
    };
  }, [number, again]);
  useEffect(() => writeLink({ image: number, pixel: null, tab: "annotate" }), [number]);
  useEffect(() => {
    const ask = (event) => saveAll() && event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
  const following = images.at(images.placeOf(number) + 1)?.n;
  useEffect(() => {
    if (current && following !== undefined) expect(following, 0, false);
  }, [current, following]);

  const choose = async (next) => {
    if (next === null || next === number || next < 0 || next >= project.count) return;
    document.body.dataset.ready = "false";
    await current?.saving.now();
    setHover(null);
    setNumber(next);
  };
  const step = (by) => {
    const place = images.placeOf(number);
    const next = place < 0 ? null : images.at(Math.max(0, Math.min(images.total - 1, place + by)));
    if (next) choose(next.n);
  };
  /** Does something; what goes wrong is shown. */
  const attempt = async (call) => {
    try {
      setError("");
      await call();
    } catch (problem) {
      setError(problem.message);
    }
  };
  const goOn = (by) => attempt(async () => {
    const next = await nextUnlabelled(number, by);
    if (next === null) throw new Error("Every other image has a mask.");
    await choose(next);
  });
  const retick = (ticked) => {
    current.tick(ticked);
    paint.current();
    redraw((old) => old + 1);
  };
  const toggle = async (each) => {
    await current.ready;
    const ticked = current.scene.ticked ?? project.classes.map((entry) => entry.label);
    const next = ticked.includes(each)
      ? ticked.filter((other) => other !== each)
      : [...ticked, each].sort((a, b) => a - b);
    if (!next.length) {
      setError("One class has to stay.");
      redraw((old) => old + 1);
      return;
    }
    tickExactly(next);
  };
  /** Decides among some labels, ascending; this can be undone. */
  const tickExactly = (labels) => {
    const before = current.scene.ticked;
    const after = labels.length === project.classes.length ? null : labels;
    current.mask.push({ undo: () => retick(before), redo: () => retick(after) });
    retick(after);
    current.keep();
  };
  /** Proposes anew, by another model; what was painted stays. */
  const renew = async () => {
    await current?.saving.now();
    forgetScenes();
    setAgain((old) => old + 1);
  };
  const move = (back) => {
    if (back ? current.mask.undo() : current.mask.redo()) {
      paint.current();
      current.keep();
      redraw((old) => old + 1);
    }
  };
  const copy = () => attempt(async () => {
    const before = number > 0 ? await getArray(`/api/${number - 1}/mask`) : { data: null };
    if (before.data === null) throw new Error("The image before has no mask.");
    const { mask } = current;
    const [rows, columns] = before.shape;
    if (rows !== mask.height || columns !== mask.width) {
      throw new Error("The image before has another size.");
    }
    await current.ready;
    mask.replace(before.data);
    paint.current();
    current.keep();
  });
  const done = () => attempt(async () => {
    current.done = true;
    current.keep();
    await current.saving.now();
    await images.refresh();
    await goOn("name");
  });
  const useTool = (key) => attempt(async () => {
    hand.current?.finish({}, false);
    setTool(key);
    if (key === "superpixel" && current && hand.current.segments === null) {
      const of = hand.current;
      of.segments = (await getArray(`/api/${number}/superpixels`)).data;
    }
  });
  const options = { tool, size, label, only, reach };
  const lists = current
    ? ordered(project.classes, current.scene.shares(), current.scene.meta.presence,
              current.scene.ticked)
    : { scene: [], others: [] };
  /** Begins to use the tool at a pixel. */
  const use = async (row, column, once) => {
    const holder = hand.current;
    if (needsAll(options) && current.proposal.pending) {
      await current.ready;
      await current.proposal.settle();
      once = true; // the pointer may be elsewhere by now
    }
    if (holder !== hand.current) return;
    holder.down(row, column, options);
    if (once) holder.up();
  };

  useLayoutEffect(() => {
    const key = (event) => {
      const action = current && actionOf(event, {
        scene: lists.scene,
        undo: () => move(true),
        redo: () => move(false),
        cursor: (down, right) => {
          byKeys.current = true;
          const { height, width } = current.mask;
          const [row, column] = cursor.current ?? [height >> 1, width >> 1];
          setHover([Math.min(height - 1, Math.max(0, row + down)),
                    Math.min(width - 1, Math.max(0, column + right))]);
        },
        use: () => {
          const last = hand.current.corners.at(-1);
          const moved = byKeys.current && cursor.current &&
            String(cursor.current) !== String(last);
          if (tool === "polygon" && last && !moved) hand.current.finish(options);
          else if (cursor.current) use(...cursor.current, true);
        },
        drop: () => hand.current.finish(options, false),
        chooseLabel: setLabel,
        find: () => {
          if (tab === "classes") search.current.focus();
          else setTab("classes");
        },
        toggle: () => label !== null && toggle(label),
        tool: useTool,
        size: (by) => {
          if (tool === "spread") setReach(Math.min(100, Math.max(0, reach + (by > 1 ? 5 : -5))));
          else if (by > 1) setSize(Math.min(400, Math.ceil(size * by)));
          else setSize(Math.max(1, Math.round(size * by)));
        },
        only: () => setOnly(!only),
        copy,
        hide: () => setOpacity((old) => (old > 0 ? 0 : 0.6)),
        done,
        doubtful: () => goOn("certainty"),
        step,
        help: () => help.current.showModal(),
      });
      if (!action) return;
      action();
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
    if (kind === "cancel") {
      hand.current.cancel();
      setHover(null);
      return;
    }
    setHover([row, column]);
    if (event.altKey || event.button === 1) return;
    if (kind === "down") {
      pressed.current = { x: event.clientX, reach };
      use(row, column, false);
    } else if (kind === "move" && event.buttons === 1) {
      const pulled = pressed.current === null || tool !== "spread" ? reach
        : pressed.current.reach + (event.clientX - pressed.current.x) / PULL;
      const reaching = Math.min(100, Math.max(0, pulled));
      if (reaching !== reach) setReach(reaching);
      hand.current.move(row, column, { ...options, reach: reaching });
    } else if (kind === "up") hand.current.up();
  };
  const look = (seen) => {
    if (!current.scene.look(seen)) return;
    paint.current();
    redraw((old) => old + 1);
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
      <${Side} project=${project} images=${images} current=${number} choose=${choose} order=${order}
               setOrder=${setOrder} filter=${filter} setFilter=${setFilter}>
        <${Progress} status=${status} count=${project.count} /></${Side}>
      <main class="middle">
        <${Toolbar} tool=${tool} choose=${useTool} size=${size} setSize=${setSize} reach=${reach}
          setReach=${setReach} only=${only} setOnly=${setOnly} opacity=${opacity}
          setOpacity=${setOpacity} mask=${current?.mask} move=${move} done=${done}
          doubtful=${() => goOn("certainty")} help=${() => help.current.showModal()} />
        ${error && html`<p class="error" role="alert">${error}</p>`}
        ${status.state === "stale" && html`
          <p class="error" role="alert">This mask was saved elsewhere since it was opened here, so
            nothing was overwritten. <button onClick=${() => setAgain(again + 1)}>Load it again
            </button></p>`}
        ${current && html`
          <${Stage} photo=${photo} layers=${[]} pick=${pick} looked=${look} drawing=${true}
                    label=${`${current.scene.meta.name}, mask`}
                    over=${html`
                      <${MaskLayer} mask=${current.mask} scene=${current.scene} classes=${project.classes}
                        opacity=${opacity} shown=${shown} bind=${(call) => { paint.current = call; }} />
                      <${Marks} photo=${photo} at=${hover} size=${size}
                        round=${tool === "brush" || tool === "eraser"}
                        corners=${hand.current.corners} />`} />
          <${Readout} scene=${current.scene} project=${project} pixel=${inside ? hover : null}
                      pinned=${false} />`}
      </main>
      <aside class="right" aria-label="classes">
        <${Tabs} tabs=${TABS} open=${tab} choose=${setTab} />
        <div class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
          ${tab === "classes" && current && html`
            <${SceneClasses} lists=${lists} ticked=${current.scene.ticked} toggle=${toggle}
              chosen=${label} choose=${setLabel} show=${setShown} search=${search} />
            <${ClassLists} project=${project} ticked=${current.scene.ticked}
              tick=${async (labels) => { await current.ready; tickExactly(labels); }} />`}
          ${tab === "learn" && html`<${LearnPanel} accepted=${renew} />`}
          ${tab === "export" && html`
            <${ExportPanel} saved=${async () => current?.saving.now()} />`}
        </div>
      </aside>
      <${Help} dialog=${help} lines=${KEYS}>
        <h2>How to begin</h2>
        <p>Take the classes off that are not in the scene: each pixel is decided anew among the rest.
          Then paint what is still wrong. Everything is saved by itself; what you painted survives
          every change of the classes.</p></${Help}>
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
