// Decides large images outside the page's thread, band by band, so that the page stays responsive.

import { decide } from "./shared/argmax.js";

const BAND = 256; // rows between two looks at the queue
let coarse = null;
let newest = 0;

onmessage = async ({ data }) => {
  if (data.coarse) {
    coarse = data.coarse;
    return;
  }
  const job = (newest = data.job);
  for (let top = 0; top < data.rows; top += BAND) {
    const rows = Math.min(BAND, data.rows - top);
    const part = { top, left: 0, rows, columns: data.columns, step: 1 };
    const { labels } = decide(coarse, data.canvas, data.alignCorners, data.ticked, part);
    postMessage({ job, top, labels, last: top + rows === data.rows }, [labels.buffer]);
    await new Promise((resolve) => setTimeout(resolve)); // a newer job may be waiting
    if (job !== newest) return;
  }
};
