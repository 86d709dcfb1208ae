// What panels fetch, for as long as they are open.

import { useEffect, useState } from "/static/vendor/htm-preact.js";

/** Hook: what `load(signal)` gives, null until then, or an Error. */
export function useLoaded(load, keys) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const leaving = new AbortController();
    load(leaving.signal)
      .then(setFound)
      .catch((error) => error.name === "AbortError" || setFound(error));
    return () => leaving.abort();
  }, keys);
  return found;
}
