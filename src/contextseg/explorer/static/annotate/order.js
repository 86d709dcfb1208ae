// Which classes a person sees first: those that cover much and are believed the least.

/** Below this presence, a class that is not in the mask is not worth a look. */
const ABSENT = 0.05;

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/**
 * Classes of the scene, the most doubtful first, and the rest.
 *
 * @param classes of the project
 * @param shares of the proposal, by label
 * @param presence logits by label, or null
 * @param ticked labels that are ticked, or null for all
 * @returns {scene, others}: entries {label, name, color, share, presence}
 */
export function ordered(classes, shares, presence, ticked) {
  const entries = classes.map((each) => ({
    ...each,
    share: shares[each.label],
    presence: presence ? sigmoid(presence[each.label]) : null,
  }));
  const off = (entry) => ticked !== null && !ticked.includes(entry.label);
  const doubt = (entry) => entry.share * (1 - (entry.presence ?? 0));
  const scene = entries
    .filter((entry) => entry.share > 0 || off(entry) || (entry.presence ?? 0) >= ABSENT)
    .sort((a, b) => doubt(b) - doubt(a) || b.share - a.share);
  const known = new Set(scene.map(({ label }) => label));
  return { scene, others: entries.filter(({ label }) => !known.has(label)) };
}
