// The keys of labelling.

import { TOOLS } from "./tools.js";

const STEP = 8; // pixels that an arrow key moves the cursor

export const KEYS = [
  ["1 to 9", "choose a class of the scene; x: unlabelled"],
  ["/", "find a class by name; Enter takes it"],
  ["t", "take the chosen class off the scene, or put it back"],
  ["b e p f m s g", "brush, eraser, polygon, fill, merge, superpixel, spread"],
  ["[ ]", "smaller, larger brush; with spread: reach less, more"],
  ["o", "paint over one class only"],
  ["arrows, Enter", "move a cursor (Shift: by one pixel), use the tool there; Enter again closes a polygon, Esc drops it"],
  ["Ctrl+Z, Ctrl+Y", "undo, redo"],
  ["c", "take over the mask of the image before"],
  ["space", "hide or show the mask"],
  ["d", "done: mark, save, go to the next image without a mask"],
  ["n", "go to the image without a mask of which the network is least certain"],
  ["j, k", "next, previous image"],
  ["+ − 0, wheel, Alt+drag", "enlarge, reduce, fit, move"],
  ["two fingers", "enlarge and move; once a pen has drawn, one finger moves"],
  ["?", "this list"],
];

/**
 * What a key does, as a function, or null.
 *
 * @param act {undo, redo, cursor(dr, dc), use, drop, label, chooseLabel, find, toggle, tool, size,
 *     only, copy, hide, done, doubtful, step, help}, `scene` the classes of keys 1 to 9
 */
export function actionOf(event, act) {
  if (event.target.closest("input[type=search], select, textarea, dialog")) return null;
  const pressed = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (pressed === "z") return event.shiftKey ? act.redo : act.undo;
    return pressed === "y" ? act.redo : null;
  }
  if (event.altKey) return null;
  const arrow = {
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
  }[event.key];
  if (arrow) {
    const by = event.shiftKey ? 1 : STEP;
    return event.target.closest(".list, input, [role=tab]") ? null
      : () => act.cursor(by * arrow[0], by * arrow[1]);
  }
  const own = event.target.closest("button, input, summary"); // Enter and space are theirs
  if (event.key === "Enter") return own ? null : act.use;
  if (event.key === " ") return own ? null : act.hide;
  if (/^[1-9]$/.test(event.key)) {
    const entry = act.scene[Number(event.key) - 1];
    return entry ? () => act.chooseLabel(entry.label) : null;
  }
  const tool = TOOLS.find(({ shortcut }) => shortcut === pressed);
  if (tool) return () => act.tool(tool.key);
  return {
    escape: act.drop, x: () => act.chooseLabel(null), "/": act.find, t: act.toggle,
    "[": () => act.size(1 / 1.4), "]": () => act.size(1.4), o: act.only, c: act.copy, d: act.done,
    n: act.doubtful, j: () => act.step(1), k: () => act.step(-1), "?": act.help,
  }[pressed] ?? null;
}
