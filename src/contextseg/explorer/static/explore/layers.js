// What lies over the photo.

import { errors, fill, outline, palette } from "../shared/paint.js";

const WRONG = 0xff3d2be6; // red, as ABGR
const EDGE = 0xffffffff;

/** The layers of a mode, from the photo upwards, as `Stage` takes them. */
export function layersOf({ scene, other, project, mode, opacity, outlined, shown, map }) {
  if (map !== null) {
    return [{ key: "map", picture: map.picture, opacity: opacity || 0.6, smooth: true,
              cover: map.cover ?? scene.meta.canvas }];
  }
  const { rows, columns } = scene;
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
  return layers.map((layer) => ({ ...layer, cover: [rows * scene.step, columns * scene.step] }));
}
