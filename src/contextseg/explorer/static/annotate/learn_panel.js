// Learning from what is labelled so far, in the background.

import { html, useEffect, useState } from "/static/vendor/htm-preact.js";
import { getJSON, send } from "../shared/api.js";

const LOOK = 1000; // ms between two looks at a training
const ENDED = {
  better: "The new model is better on the images that were held back.",
  worse: "The new model is not better: the old one stays.",
};

/** @param accepted called when another model makes the proposals */
export function LearnPanel({ accepted }) {
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  const ask = async (call) => {
    try {
      setFound(await call());
      setError("");
    } catch (problem) {
      setError(problem.message);
    }
  };
  const running = found?.state === "running";
  useEffect(() => {
    const look = () => ask(() => getJSON("/api/learn"));
    if (found === null) look();
    if (!running && !error) return undefined;
    const timer = setInterval(look, LOOK);
    return () => clearInterval(timer);
  }, [running, error !== ""]);
  const act = (action) => ask(() => send("POST", "/api/learn", { action }));
  const accept = async () => {
    await act("accept");
    accepted();
  };
  return html`
    <p class="note">Fine-tunes the model on the images that are done, while you go on. It tries the
      result on some of them that it did not learn from. No mask is changed.</p>
    ${error && html`<p class="error" role="alert">${error}</p>`}
    ${found !== null && html`
      ${found.labelled !== null && html`
        <p>${found.labelled} images are done; learning needs ${found.needed}.</p>`}
      <div class="row">
        <button onClick=${() => act("start")} disabled=${running}>Learn</button>
        ${running && html`<button onClick=${() => act("stop")}>Stop</button>`}
        ${found.state === "better" && html`<button onClick=${accept}>Use the new model</button>`}
      </div>
      <div role="status">
        ${running && html`<p>Learning from ${found.trained} images. <${Steps} ...${found.progress} /></p>`}
        ${!running && found.state !== "idle" && html`
          <p>${found.message || ENDED[found.state]}</p>`}
        ${found.before !== null && html`
          <p>Mean IoU on ${found.held_back} images that were held back: before
            <strong> ${shown(found.before)}</strong>, after <strong> ${shown(found.after)}</strong>.</p>`}
      </div>`}`;
}

function Steps({ step, steps }) {
  return steps ? html`<progress max=${steps} value=${step} aria-label="steps of the training">
    </progress>` : null;
}

const shown = (share) => `${(100 * share).toFixed(1)} %`;
