// What panels fetch, for as long as they are open.

import { useEffect, useState } from "/static/vendor/htm-preact.js";
import { AGAIN, mayReturn } from "../shared/api.js";

/** Hook: what `load(signal)` gives, null until then, or an Error. */
export function useLoaded(load, keys) {
  const [found, setFound] = useState(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let timer = null;
    const leaving = new AbortController();
    load(leaving.signal)
      .then(setFound)
      .catch((error) => {
        if (error.name === "AbortError") return;
        setFound(error);
        if (mayReturn(error)) timer = setTimeout(() => setTurn(turn + 1), AGAIN);
      });
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [...keys, turn]);
  return found;
}
