// A photo with layers over it, which can be enlarged and moved: by mouse, by keys, by two fingers.

import { html, useEffect, useLayoutEffect, useRef } from "/static/vendor/htm-preact.js";
import { View } from "./view.js";

const MOST_ENLARGED = 40;
const FAR = 4; // screen pixels that a pointer moves before it drags

/**
 * @param photo {url, width, height}
 * @param layers [{key, picture: ImageData or null, opacity, smooth, cover, at}]: `cover` is the
 *     layer's height and width, `at` its top and left, both in photo pixels
 * @param pick called with row, column, the pointer event and "move", "down", "up", "leave" or
 *     "cancel" (a second finger came: what "down" began was not meant)
 * @param looked called with {top, left, bottom, right} when something else is seen
 * @param label accessible name
 * @param drawing the left button draws instead of moving the photo
 * @param over further layers, as elements
 * @param view shared with other stages
 * @param keys whether + - 0 are for this stage
 */
export function Stage({ photo, layers, pick, looked = null, label, drawing = false, over = null,
                        view = null, keys = true, children }) {
  const frame = useRef();
  const sheet = useRef();
  const own = useRef(null);
  own.current ??= new View();
  const shown = view ?? own.current;
  const dragged = useRef(null);
  const pointers = useRef(new Map());
  const pinched = useRef(null);
  const pen = useRef(false); // a pen draws here: fingers move the photo
  const told = useRef(0);
  const tell = useRef();
  tell.current = looked;

  const least = () => {
    const { clientWidth, clientHeight } = frame.current;
    return Math.min(clientWidth / photo.width, clientHeight / photo.height);
  };
  const follow = () => {
    const { scale, x, y } = shown;
    const style = sheet.current.style;
    style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    style.setProperty("--pixel", `${1 / scale}px`); // of the screen
    style.setProperty("--shrink", String(1 / scale));
    sheet.current.classList.toggle("enlarged", scale >= 2);
    cancelAnimationFrame(told.current);
    told.current = requestAnimationFrame(() => frame.current &&
      tell.current?.(shown.seen(frame.current.clientWidth, frame.current.clientHeight)));
  };
  const fit = () => {
    const { clientWidth, clientHeight } = frame.current;
    const scale = least();
    shown.set({ scale, x: (clientWidth - scale * photo.width) / 2,
                 y: (clientHeight - scale * photo.height) / 2, fitted: true });
  };
  const zoom = (factor, clientX = null, clientY = null, moved = [0, 0]) => {
    const box = frame.current.getBoundingClientRect();
    const { scale, x, y } = shown;
    const next = Math.min(MOST_ENLARGED, Math.max(least(), scale * factor));
    if (next === least()) return fit();
    const px = (clientX ?? box.left + box.width / 2) - box.left;
    const py = (clientY ?? box.top + box.height / 2) - box.top;
    return shown.set({
      scale: next,
      x: px + moved[0] - ((px - x) * next) / scale,
      y: py + moved[1] - ((py - y) * next) / scale,
      fitted: false,
    });
  };

  useLayoutEffect(() => {
    shown.followers.add(follow);
    fit();
    return () => {
      shown.followers.delete(follow);
      cancelAnimationFrame(told.current);
    };
  }, [photo.url, shown]);
  useEffect(() => {
    const watch = new ResizeObserver(() => (shown.fitted ? fit() : follow()));
    watch.observe(frame.current);
    const wheel = (event) => {
      event.preventDefault();
      zoom(1.0015 ** -event.deltaY, event.clientX, event.clientY);
    };
    const key = (event) => {
      if (event.target.closest("input, select, textarea, dialog") || !keys) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") zoom(1.5);
      else if (event.key === "-") zoom(1 / 1.5);
      else if (event.key === "0") fit();
    };
    const element = frame.current;
    element.addEventListener("wheel", wheel, { passive: false });
    document.addEventListener("keydown", key);
    return () => {
      watch.disconnect();
      element.removeEventListener("wheel", wheel);
      document.removeEventListener("keydown", key);
    };
  }, [photo.url, shown, keys]);

  const at = (event) => {
    const box = frame.current.getBoundingClientRect();
    const { scale, x, y } = shown;
    const column = Math.floor((event.clientX - box.left - x) / scale);
    const row = Math.floor((event.clientY - box.top - y) / scale);
    const inside = row >= 0 && column >= 0 && row < photo.height && column < photo.width;
    return { row, column, inside };
  };
  const moves = (event) => event.button === 1 ||
    (event.button === 0 && (!drawing || event.altKey)) ||
    (event.pointerType === "touch" && pen.current);
  const spread = () => {
    const [a, b] = [...pointers.current.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  const down = (event) => {
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    frame.current.setPointerCapture(event.pointerId);
    if (event.pointerType === "pen") pen.current = true;
    if (pointers.current.size === 2) {
      dragged.current = null;
      pinched.current = spread();
      pick?.(-1, -1, event, "cancel");
    }
    if (pinched.current !== null) return;
    if (moves(event)) {
      dragged.current = { x: event.clientX, y: event.clientY, far: false };
      event.preventDefault();
      if (drawing) return;
    }
    const { row, column, inside } = at(event);
    if (inside || drawing) pick?.(row, column, event, "down");
  };
  const move = (event) => {
    if (pointers.current.has(event.pointerId)) {
      pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }
    if (pinched.current !== null) {
      if (pointers.current.size !== 2) return;
      const [before, now] = [pinched.current, spread()];
      pinched.current = now;
      zoom(now.apart / Math.max(1, before.apart), before.x, before.y,
           [now.x - before.x, now.y - before.y]);
      return;
    }
    const drag = dragged.current;
    if (drag !== null && event.buttons) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (drag.far || Math.hypot(dx, dy) > FAR) {
        shown.set({ x: shown.x + dx, y: shown.y + dy, fitted: false });
        dragged.current = { x: event.clientX, y: event.clientY, far: true };
      }
      if (drag.far || drawing) return;
    }
    const { row, column, inside } = at(event);
    pick?.(row, column, event, inside || drawing ? "move" : "leave");
  };
  const up = (event) => {
    pointers.current.delete(event.pointerId);
    if (pinched.current !== null) {
      if (pointers.current.size === 0) pinched.current = null;
      return;
    }
    const drag = dragged.current;
    dragged.current = null;
    if (drag !== null && (drag.far || drawing)) return;
    const { row, column, inside } = at(event);
    if (inside || drawing) pick?.(row, column, event, "up");
  };
  const dropped = (event) => {
    pick?.(-1, -1, event, "cancel");
    pointers.current.delete(event.pointerId);
    if (pointers.current.size === 0) pinched.current = null;
    dragged.current = null;
  };
  // A finger leaves the screen when it is lifted: what it pointed at stays.
  const leave = (event) => event.pointerType === "mouse" && pick?.(-1, -1, event, "leave");

  return html`
    <div class="frame" ref=${frame} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up}
         onPointerCancel=${dropped} onPointerLeave=${leave} role="img" aria-label=${label}>
      <div class="sheet" ref=${sheet}>
        <img class="photo" src=${photo.url} width=${photo.width} height=${photo.height} alt=""
             draggable=${false} />
        ${layers.map((layer) => html`<${Layer} ...${layer} photo=${photo} />`)}
        ${over}
      </div>
      ${children}
    </div>`;
}

/** Puts a canvas over a part of the photo. */
export function lay(element, [top, left], [rows, columns]) {
  Object.assign(element.style, {
    top: `${top}px`, left: `${left}px`, width: `${columns}px`, height: `${rows}px`,
  });
}

function Layer({ picture, opacity = 1, smooth = false, cover = null, at = [0, 0], photo }) {
  const canvas = useRef();
  useLayoutEffect(() => {
    if (picture === null) return;
    const element = canvas.current;
    if (element.width !== picture.width) element.width = picture.width;
    if (element.height !== picture.height) element.height = picture.height;
    element.getContext("2d").putImageData(picture, 0, 0);
  }, [picture]);
  useLayoutEffect(() => {
    lay(canvas.current, at, cover ?? [photo.height, photo.width]);
    canvas.current.style.opacity = String(opacity);
  });
  return html`<canvas ref=${canvas} class=${smooth ? "smooth" : "sharp"}
                      hidden=${picture === null} aria-hidden="true"></canvas>`;
}
