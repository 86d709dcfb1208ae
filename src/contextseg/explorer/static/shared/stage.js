// A photo with layers over it, which can be enlarged and moved. Layers cover the whole photo.

import { html, useEffect, useLayoutEffect, useRef } from "/static/vendor/htm-preact.js";

const MOST_ENLARGED = 40;

/**
 * @param photo {url, width, height}
 * @param layers [{key, picture: ImageData or null, opacity, smooth, cover}]: `cover` is the share
 *     of the layer's rows and columns beyond the photo, as [rows, columns] in photo pixels
 * @param pick called with row, column, the pointer event and "move", "down", "up" or "leave"
 * @param label accessible name
 * @param drawing the left button draws instead of moving the photo
 * @param over further layers, as elements
 */
export function Stage({ photo, layers, pick, label, drawing = false, over = null, children }) {
  const frame = useRef();
  const sheet = useRef();
  const view = useRef({ scale: 1, x: 0, y: 0, fitted: true });
  const dragged = useRef(null);

  const place = () => {
    const { scale, x, y } = view.current;
    const style = sheet.current.style;
    style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    style.setProperty("--pixel", `${1 / scale}px`);
    sheet.current.classList.toggle("enlarged", scale >= 2);
  };
  const fit = () => {
    const box = frame.current.getBoundingClientRect();
    const scale = Math.min(box.width / photo.width, box.height / photo.height);
    view.current = {
      scale,
      x: (box.width - scale * photo.width) / 2,
      y: (box.height - scale * photo.height) / 2,
      fitted: true,
    };
    place();
  };
  const zoom = (factor, clientX, clientY) => {
    const box = frame.current.getBoundingClientRect();
    const least = Math.min(box.width / photo.width, box.height / photo.height);
    const { scale, x, y } = view.current;
    const next = Math.min(MOST_ENLARGED, Math.max(least, scale * factor));
    const px = (clientX ?? box.left + box.width / 2) - box.left;
    const py = (clientY ?? box.top + box.height / 2) - box.top;
    if (next === least) return fit();
    view.current = {
      scale: next,
      x: px - ((px - x) * next) / scale,
      y: py - ((py - y) * next) / scale,
      fitted: false,
    };
    place();
  };

  useLayoutEffect(fit, [photo.url]);
  useEffect(() => {
    const watch = new ResizeObserver(() => view.current.fitted && fit());
    watch.observe(frame.current);
    const wheel = (event) => {
      event.preventDefault();
      zoom(1.0015 ** -event.deltaY, event.clientX, event.clientY);
    };
    const key = (event) => {
      if (event.target.closest("input, select, textarea, dialog")) return;
      if (event.key === "+" || event.key === "=") zoom(1.5);
      else if (event.key === "-") zoom(1 / 1.5);
      else if (event.key === "0" && !event.ctrlKey && !event.metaKey) fit();
    };
    frame.current.addEventListener("wheel", wheel, { passive: false });
    document.addEventListener("keydown", key);
    return () => {
      watch.disconnect();
      frame.current?.removeEventListener("wheel", wheel);
      document.removeEventListener("keydown", key);
    };
  }, [photo.url]);

  const at = (event) => {
    const box = frame.current.getBoundingClientRect();
    const { scale, x, y } = view.current;
    const column = Math.floor((event.clientX - box.left - x) / scale);
    const row = Math.floor((event.clientY - box.top - y) / scale);
    const inside = row >= 0 && column >= 0 && row < photo.height && column < photo.width;
    return { row, column, inside };
  };
  const moves = (event) => event.button === 1 || (event.button === 0 && (!drawing || event.altKey));
  const down = (event) => {
    if (moves(event)) {
      dragged.current = { x: event.clientX, y: event.clientY, far: false };
      event.preventDefault();
    }
    frame.current.setPointerCapture(event.pointerId);
    const { row, column, inside } = at(event);
    if (inside || drawing) pick?.(row, column, event, "down");
  };
  const move = (event) => {
    const drag = dragged.current;
    if (drag !== null && event.buttons) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (drag.far || Math.hypot(dx, dy) > 4) {
        Object.assign(view.current, {
          x: view.current.x + dx, y: view.current.y + dy, fitted: false,
        });
        dragged.current = { x: event.clientX, y: event.clientY, far: true };
        place();
        return;
      }
    }
    const { row, column, inside } = at(event);
    pick?.(row, column, event, inside || drawing ? "move" : "leave");
  };
  const up = (event) => {
    const far = dragged.current?.far ?? false;
    dragged.current = null;
    const { row, column, inside } = at(event);
    if (!far && (inside || drawing)) pick?.(row, column, event, "up");
  };

  return html`
    <div class="frame" ref=${frame} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up}
         onPointerLeave=${(event) => pick?.(-1, -1, event, "leave")} role="img" aria-label=${label}>
      <div class="sheet" ref=${sheet}>
        <img class="photo" src=${photo.url} width=${photo.width} height=${photo.height} alt=""
             draggable=${false} />
        ${layers.map((layer) => html`<${Layer} ...${layer} photo=${photo} />`)}
        ${over}
      </div>
      ${children}
    </div>`;
}

function Layer({ picture, opacity = 1, smooth = false, cover = null, photo }) {
  const canvas = useRef();
  useLayoutEffect(() => {
    if (picture === null) return;
    const element = canvas.current;
    if (element.width !== picture.width) element.width = picture.width;
    if (element.height !== picture.height) element.height = picture.height;
    element.getContext("2d").putImageData(picture, 0, 0);
  }, [picture]);
  useLayoutEffect(() => {
    const [rows, columns] = cover ?? [photo.height, photo.width];
    Object.assign(canvas.current.style, {
      width: `${columns}px`, height: `${rows}px`, opacity: String(opacity),
    });
  }, [opacity, photo.url, cover?.[0], cover?.[1]]);
  return html`<canvas ref=${canvas} class=${smooth ? "smooth" : "sharp"}
                      hidden=${picture === null} aria-hidden="true"></canvas>`;
}
