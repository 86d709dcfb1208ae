// The class of each pixel from logits at feature size: bilinear upsampling and argmax, without the
// upsampled logits. As contextseg.ops.upsampled_argmax, among the ticked classes.
//
// Between four neighbouring feature pixels the logit of a class lies between its smallest and its
// largest corner. A class whose largest corner is below the smallest corner of another one cannot
// win anywhere in that cell. In most cells one class is left, and nothing has to be interpolated.

/** Coarse logits as the loops want them: the classes of a feature pixel side by side. */
export function prepare(data, [classes, rows, columns]) {
  const logits = new Float32Array(data.length);
  const pixels = rows * columns;
  for (let c = 0; c < classes; c++) {
    for (let p = 0; p < pixels; p++) logits[p * classes + c] = data[c * pixels + p];
  }
  return { logits, classes, rows, columns };
}

/** For each output position: the feature pixel before it, and how far it is to the next. */
export function positions(count, features, whole, start, step, alignCorners) {
  const first = new Int32Array(count);
  const weight = new Float64Array(count);
  const scale = alignCorners ? (whole > 1 ? (features - 1) / (whole - 1) : 0) : features / whole;
  for (let i = 0; i < count; i++) {
    const at = start + i * step;
    const source = Math.max(0, alignCorners ? at * scale : (at + 0.5) * scale - 0.5);
    first[i] = Math.min(Math.floor(source), features - 1);
    weight[i] = first[i] + 1 < features ? source - first[i] : 0;
  }
  return { first, weight };
}

/** Ends of the runs of equal numbers. */
function runs(first) {
  const ends = [];
  for (let i = 1; i <= first.length; i++) {
    if (i === first.length || first[i] !== first[i - 1]) ends.push(i);
  }
  return ends;
}

/**
 * Labels of a part of the image.
 *
 * @param coarse what `prepare` returned
 * @param canvas rows and columns that the features cover
 * @param alignCorners convention of the upsampling
 * @param ticked labels to choose from, ascending; null for all
 * @param part {top, left, rows, columns, step}: which pixels; every `step`-th one
 * @param confidence also return the probability of each label among the ticked ones
 * @returns {labels: Uint8Array, confidence: Float32Array or null}, row by row
 */
export function decide(coarse, canvas, alignCorners, ticked, part, confidence = false) {
  const { logits, classes } = coarse;
  const step = part.step ?? 1;
  const vertical = positions(part.rows, coarse.rows, canvas[0], part.top, step, alignCorners);
  const horizontal = positions(
    part.columns, coarse.columns, canvas[1], part.left, step, alignCorners,
  );
  const allowed = ticked ?? Array.from({ length: classes }, (_, c) => c);
  const labels = new Uint8Array(part.rows * part.columns);
  const sure = confidence ? new Float32Array(labels.length) : null;
  const left = new Int32Array(allowed.length); // candidates of a cell
  const low = new Float64Array(allowed.length);
  const slope = new Float64Array(allowed.length);
  const rowEnds = runs(vertical.first);
  const columnEnds = runs(horizontal.first);
  let rowStart = 0;
  for (const rowEnd of rowEnds) {
    const upper = vertical.first[rowStart];
    const lower = Math.min(upper + 1, coarse.rows - 1);
    let columnStart = 0;
    for (const columnEnd of columnEnds) {
      const before = horizontal.first[columnStart];
      const after = Math.min(before + 1, coarse.columns - 1);
      const a = (upper * coarse.columns + before) * classes;
      const b = (upper * coarse.columns + after) * classes;
      const c = (lower * coarse.columns + before) * classes;
      const d = (lower * coarse.columns + after) * classes;
      const count = candidates(logits, a, b, c, d, allowed, left, confidence);
      if (count === 1 && !confidence) {
        for (let y = rowStart; y < rowEnd; y++) {
          labels.fill(left[0], y * part.columns + columnStart, y * part.columns + columnEnd);
        }
      } else {
        for (let y = rowStart; y < rowEnd; y++) {
          const wy = vertical.weight[y];
          for (let k = 0; k < count; k++) {
            const name = left[k];
            low[k] = logits[a + name] * (1 - wy) + logits[c + name] * wy;
            slope[k] = logits[b + name] * (1 - wy) + logits[d + name] * wy - low[k];
          }
          for (let x = columnStart; x < columnEnd; x++) {
            const wx = horizontal.weight[x];
            let best = low[0] + slope[0] * wx;
            let winner = 0;
            for (let k = 1; k < count; k++) {
              const value = low[k] + slope[k] * wx;
              if (value > best) {
                best = value;
                winner = k;
              }
            }
            labels[y * part.columns + x] = left[winner];
            if (sure !== null) {
              let sum = 0;
              for (let k = 0; k < count; k++) sum += Math.exp(low[k] + slope[k] * wx - best);
              sure[y * part.columns + x] = 1 / sum;
            }
          }
        }
      }
      columnStart = columnEnd;
    }
    rowStart = rowEnd;
  }
  return { labels, confidence: sure };
}

/** Writes the classes that may win in a cell to `left`; returns how many. With `all`, all may. */
function candidates(logits, a, b, c, d, allowed, left, all) {
  if (all) {
    left.set(allowed);
    return allowed.length;
  }
  let bound = -Infinity;
  for (let k = 0; k < allowed.length; k++) {
    const name = allowed[k];
    const least = Math.min(logits[a + name], logits[b + name], logits[c + name], logits[d + name]);
    if (least > bound) bound = least;
  }
  let count = 0;
  for (let k = 0; k < allowed.length; k++) {
    const name = allowed[k];
    if (
      logits[a + name] >= bound || logits[b + name] >= bound ||
      logits[c + name] >= bound || logits[d + name] >= bound
    ) left[count++] = name;
  }
  return count;
}

/** Logits of all classes at one pixel of the image. */
export function logitsAt(coarse, canvas, alignCorners, row, column) {
  const { logits, classes } = coarse;
  const vertical = positions(1, coarse.rows, canvas[0], row, 1, alignCorners);
  const horizontal = positions(1, coarse.columns, canvas[1], column, 1, alignCorners);
  const y = vertical.first[0];
  const x = horizontal.first[0];
  const below = Math.min(y + 1, coarse.rows - 1);
  const beside = Math.min(x + 1, coarse.columns - 1);
  const wy = vertical.weight[0];
  const wx = horizontal.weight[0];
  const at = (r, s, c) => logits[(r * coarse.columns + s) * classes + c];
  return Float32Array.from({ length: classes }, (_, c) =>
    (at(y, x, c) * (1 - wx) + at(y, beside, c) * wx) * (1 - wy) +
    (at(below, x, c) * (1 - wx) + at(below, beside, c) * wx) * wy);
}
