// The address names the image, the pixel that is kept, and the panel: a link leads back to them.

export function readLink() {
  const words = new URLSearchParams(location.hash.slice(1));
  const at = (words.get("at") ?? "").split(",").map(Number);
  const image = Number.parseInt(words.get("image") ?? "", 10);
  return {
    image: Number.isNaN(image) ? null : Math.max(0, image),
    pixel: at.length === 2 && at.every((each) => Number.isInteger(each) && each >= 0) ? at : null,
    tab: words.get("tab"),
  };
}

export function writeLink({ image, pixel, tab }) {
  const words = [`image=${image}`, ...(pixel ? [`at=${pixel[0]},${pixel[1]}`] : []), `tab=${tab}`];
  history.replaceState(null, "", `#${words.join("&")}`);
}
