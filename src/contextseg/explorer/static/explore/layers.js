// What lies over the photo.

import { errors, fill, heatmap, outline, palette } from "../shared/paint.js";

const WRONG = 0xff3d2be6; // red, as ABGR
const EDGE = 0xffffffff;

/** What can be shown: key, name, and whether it is there. */
const MODES = [
  ["prediction", "Prediction", () => true],
  ["truth", "Labels", (scene) => scene.truth !== null],
  ["errors", "Errors", (scene) => scene.truth !== null],
  ["other", "Model 2", (scene, other) => other !== null],
  ["difference", "Difference", (scene, other) => other !== null],
  ["confidence", "Confidence", () => true],
];

export function modesOf(scene, other) {
  return MODES.filter(([, , there]) => scene !== null && there(scene, other));
}

/**
 * The layers of a mode, from the photo upwards, as `Stage` takes them.
 *
 * @param shown label that is shown alone, or null
 * @param map of a panel, shown instead, or null
 */
export function layersOf({ scene, other, project, mode, opacity, outlined, shown, map }) {
  if (map !== null) {
    return [{ key: "map", picture: map.picture, opacity: opacity || 0.6, smooth: true,
              cover: map.cover ?? scene.meta.canvas }];
  }
  if (mode === "photo") return [];
  if (mode === "confidence") {
    const { values, part } = scene.confidence();
    const { picture } = heatmap(values, part.rows, part.columns, [0, 1]);
    return [{ key: "labels", picture, opacity, smooth: part.step > scene.part.step,
              ...placeOf(part) }];
  }
  const { rows, columns } = scene.part;
  const picture = new ImageData(columns, rows);
  const colors = palette(project.classes);
  if (shown !== null) {
    for (const { label } of project.classes) if (label !== shown) colors[label] = 0;
  }
  const drawn = {
    prediction: () => fill(picture, scene.labels, colors),
    truth: () => fill(picture, scene.truth, colors),
    errors: () => errors(picture, scene.labels, scene.truth, WRONG),
    other: () => fill(picture, other.labels, colors),
    difference: () => errors(picture, scene.labels, other.labels, WRONG),
  };
  drawn[mode]();
  const layers = [{ key: "labels", picture, opacity }];
  if (outlined) {
    const lines = new ImageData(columns, rows);
    const labels = { truth: scene.truth, other: other?.labels }[mode] ?? scene.labels;
    outline(lines, labels, EDGE);
    layers.push({ key: "lines", picture: lines, opacity: 0.9 });
  }
  return layers.map((layer) => ({ ...layer, ...placeOf(scene.part) }));
}

function placeOf({ top, left, rows, columns, step }) {
  return { at: [top, left], cover: [rows * step, columns * step] };
}
