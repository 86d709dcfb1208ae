// Scenes that are open, were, or will be: the next image is fetched while a person looks at this one.

import { readScene } from "./scene.js";

const MOST = 4; // kept: this image and its neighbours, with two models
const kept = new Map(); // "number model" to the promise of a scene, the least recently used first

/** The scene of an image, decided among all classes. */
export async function openScene(number, model = 0, labelled = true) {
  const scene = await fetched(number, model, labelled);
  if (scene.ticked !== null) scene.tick(null);
  return scene;
}

/** Fetches what will be opened; a failure shows when it is. */
export function expect(number, model = 0, labelled = true) {
  fetched(number, model, labelled)
    .then(() => { document.body.dataset.fetched = String(number); })
    .catch(() => {});
}

/** Another model answers from now on. */
export function forgetScenes() {
  kept.clear();
}

function fetched(number, model, labelled) {
  const key = `${number} ${model}`;
  let found = kept.get(key);
  if (found === undefined) {
    found = readScene(number, model, labelled);
    found.catch(() => kept.get(key) === found && kept.delete(key));
  }
  kept.delete(key);
  kept.set(key, found);
  while (kept.size > MOST) kept.delete(kept.keys().next().value);
  return found;
}
