// Decides large images outside the page's thread, band by band, so that the page stays responsive.

import { decide, prepare } from "./shared/argmax.js";

const BAND = 256; // rows between two looks at the queue
let coarse = null;
let job = 0;

onmessage = async ({ data }) => {
  if (data.kind === "logits") {
    coarse = prepare(data.data, data.shape);
    return;
  }
  const own = (job = data.job);
  for (let top = 0; top < data.rows; top += BAND) {
    const rows = Math.min(BAND, data.rows - top);
    const part = { top, left: 0, rows, columns: data.columns, step: 1 };
    const { labels } = decide(coarse, data.canvas, data.alignCorners, data.ticked, part);
    postMessage({ job: own, top, rows, labels }, [labels.buffer]);
    await new Promise((resolve) => setTimeout(resolve)); // a newer job may be waiting
    if (job !== own) return;
  }
  postMessage({ job: own, done: true });
};
