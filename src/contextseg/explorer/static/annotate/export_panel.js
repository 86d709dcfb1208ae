// What is labelled so far, written for other programs.

import { html, useState } from "/static/vendor/htm-preact.js";
import { useLoaded } from "../explore/use.js";
import { getJSON, send } from "../shared/api.js";

/** @param saved resolves when everything that was drawn is on the disk */
export function ExportPanel({ saved }) {
  const found = useLoaded((signal) => getJSON("/api/export", { signal }), []);
  const [format, setFormat] = useState(null);
  const [name, setName] = useState("");
  const [told, setTold] = useState({ text: "", bad: false });
  if (found === null || found instanceof Error) return html`<p class="note">${found?.message}</p>`;
  const write = async () => {
    setTold({ text: "Writing.", bad: false });
    try {
      await saved();
      const done = await send("POST", "/api/export", { format: format ?? found.formats[0], name });
      const changed = done.difference > 0
        ? ` Polygons change up to ${(100 * done.difference).toFixed(2)} % of an image's pixels.` : "";
      setTold({ text: `${done.images} images are in ${done.folder}.${changed}`, bad: false });
    } catch (problem) {
      setTold({ text: problem.message, bad: true });
    }
  };
  return html`
    <p class="note">Writes all images that have a mask to a new folder below exports. The masks
      themselves can be used for training as they are.</p>
    <label>Format
      <select value=${format ?? found.formats[0]}
              onChange=${(event) => setFormat(event.target.value)}>
        ${found.formats.map((each) => html`<option value=${each}>${each}</option>`)}
      </select></label>
    <label>Name of the folder
      <input type="search" value=${name} placeholder="that of the format"
             onInput=${(event) => setName(event.target.value)} /></label>
    <div class="row"><button onClick=${write}>Export</button></div>
    <p class=${told.bad ? "error" : ""} role="status">${told.text}</p>`;
}
