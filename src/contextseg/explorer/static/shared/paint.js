// Labels and maps as pixels.

/** Colours of the labels as RGBA in one number each, little-endian; 255 is transparent. */
export function palette(classes, alpha = 255) {
  const colors = new Uint32Array(256);
  for (const { label, color: [r, g, b] } of classes) {
    colors[label] = ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return colors;
}

/** Fills an ImageData with the colours of labels. */
export function fill(picture, labels, colors) {
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < labels.length; i++) pixels[i] = colors[labels[i]];
}

/** Fills an ImageData with `color` where a pixel's right or lower neighbour has another label. */
export function outline(picture, labels, color) {
  const { width, height } = picture;
  const pixels = new Uint32Array(picture.data.buffer);
  pixels.fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (
        (x + 1 < width && labels[i] !== labels[i + 1]) ||
        (y + 1 < height && labels[i] !== labels[i + width])
      ) pixels[i] = color;
    }
  }
}

/** Fills an ImageData with `color` where two labellings differ; 255 in `truth` is ignored. */
export function errors(picture, labels, truth, color) {
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < labels.length; i++) {
    pixels[i] = truth[i] !== 255 && labels[i] !== truth[i] ? color : 0;
  }
}

// Viridis at nine points (CC0), between which colours are interpolated.
const VIRIDIS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];

/** A colour for a share of 0 to 1, as RGBA in one number; NaN is transparent. */
export function heat(share) {
  if (Number.isNaN(share)) return 0;
  const at = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const t = at - low;
  const [r, g, b] = VIRIDIS[low].map((v, i) => Math.round(v + t * (VIRIDIS[low + 1][i] - v)));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** A map [rows, columns] as ImageData, scaled from its own least to its own largest value. */
export function heatmap(values, rows, columns, range = null) {
  let [low, high] = range ?? [Infinity, -Infinity];
  if (range === null) {
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const picture = new ImageData(columns, rows);
  const pixels = new Uint32Array(picture.data.buffer);
  const width = high > low ? high - low : 1;
  for (let i = 0; i < values.length; i++) pixels[i] = heat((values[i] - low) / width);
  return { picture, low, high };
}
