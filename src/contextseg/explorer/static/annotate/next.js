// Which image comes next.

import { getJSON } from "../shared/api.js";

const PAGE = 500;

/**
 * Number of the next image without a mask, or null: in the order of names the one after `number`,
 * in another order the first.
 */
export async function nextUnlabelled(number, order = "name") {
  let before = null;
  for (let start = 0; ; start += PAGE) {
    const query = new URLSearchParams({ order, start, count: PAGE });
    const { images, total } = await getJSON(`/api/images?${query}`);
    for (const { n, labelled } of images) {
      if (labelled || n === number) continue;
      if (order !== "name" || n > number) return n;
      before ??= n;
    }
    if (start + PAGE >= total) return before;
  }
}
