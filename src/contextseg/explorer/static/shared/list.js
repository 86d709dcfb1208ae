// The images of the project: as many rows as fit on the screen exist, however many images there are.

import { html, useEffect, useRef, useState } from "/static/vendor/htm-preact.js";
import { AGAIN, getJSON, mayReturn } from "./api.js";

const ROW = 56; // pixels
const PAGE = 100; // images in a request

/** Hook: images by place in an order, fetched page by page as they are asked for. */
export function useImages(order, filter) {
  const [state, setState] = useState({ total: 0, ranked: 0, pages: new Map(), key: "" });
  const asked = useRef(new Set());
  const key = `${order}\n${filter}`;

  const load = async (page, again = false) => {
    const mark = `${key}\n${page}`;
    if (asked.current.has(mark) && !again) return;
    asked.current.add(mark);
    const query = new URLSearchParams({ order, filter, start: page * PAGE, count: PAGE });
    let found;
    try {
      found = await getJSON(`/api/images?${query}`);
    } catch (error) {
      if (mayReturn(error)) setTimeout(() => asked.current.has(mark) && load(page, true), AGAIN);
      return;
    }
    setState((old) => {
      const pages = old.key === key ? new Map(old.pages) : new Map();
      pages.set(page, found.images);
      return { total: found.total, ranked: found.ranked, pages, key };
    });
  };
  useEffect(() => {
    asked.current.clear();
    load(0);
  }, [key]);
  useEffect(() => {
    // Scores come in one by one: look again until all are there.
    if (order === "name" || state.ranked >= state.total) return undefined;
    const timer = setTimeout(() => load(0, true), 1500);
    return () => clearTimeout(timer);
  }, [order, state]);

  return {
    total: state.total,
    ranked: state.ranked,
    at: (place) => {
      if (place < 0 || place >= state.total) return null;
      const page = Math.floor(place / PAGE);
      const found = state.key === key ? state.pages.get(page) : undefined;
      if (found === undefined) load(page);
      return found?.[place % PAGE] ?? null;
    },
    placeOf: (number) => {
      for (const [page, images] of state.pages) {
        const place = images.findIndex((image) => image.n === number);
        if (place >= 0) return page * PAGE + place;
      }
      return -1;
    },
    refresh: () => Promise.all([...state.pages.keys()].map((page) => load(page, true))),
  };
}

/** A scrolling list. `detail` returns a short text for an image, such as its score. */
export function ImageList({ images, current, choose, detail }) {
  const box = useRef();
  const [window_, setWindow] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const watch = new ResizeObserver(() =>
      setWindow((old) => ({ ...old, height: box.current.clientHeight })));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(window_.top / ROW) - 4);
  const last = Math.min(images.total, Math.ceil((window_.top + window_.height) / ROW) + 4);
  const place = images.placeOf(current);
  useEffect(() => {
    if (place < 0) return;
    const { scrollTop, clientHeight } = box.current;
    if (place * ROW < scrollTop) box.current.scrollTop = place * ROW;
    else if ((place + 1) * ROW > scrollTop + clientHeight) {
      box.current.scrollTop = (place + 1) * ROW - clientHeight;
    }
  }, [place]);

  const rows = [];
  for (let i = first; i < last; i++) {
    const image = images.at(i);
    rows.push(html`
      <li key=${i} id=${`place-${i}`} style=${{ top: `${i * ROW}px` }} role="option"
          aria-selected=${image?.n === current} aria-posinset=${i + 1}
          aria-setsize=${images.total} class=${image?.n === current ? "chosen" : ""}
          onClick=${() => image && choose(image.n)}>
        ${image && html`
          <img src=${`/api/${image.n}/thumbnail`} alt="" loading="lazy" width="64" height="48" />
          <span class="name" title=${image.name}><bdi>${image.name}</bdi></span>
          <span class="detail">
            ${image.labelled && html`<span title="has a mask" aria-label="has a mask">✓</span>`}
            ${image.wrong && html`<span class="warning" title="labels called wrong"
              aria-label="labels called wrong">!</span>`}
            ${detail?.(image)}
          </span>`}
      </li>`);
  }
  const keys = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = by && place >= 0 ? images.at(place + by) : null;
    if (!by) return;
    if (next) choose(next.n);
    event.preventDefault();
    event.stopPropagation();
  };
  return html`
    <div class="list" ref=${box} tabindex="0" role="listbox" aria-label="images" onKeyDown=${keys}
         aria-activedescendant=${place >= first && place < last ? `place-${place}` : undefined}
         onScroll=${(event) => setWindow((old) => ({ ...old, top: event.target.scrollTop }))}>
      <ul style=${{ height: `${images.total * ROW}px` }} role="presentation">${rows}</ul>
    </div>`;
}
