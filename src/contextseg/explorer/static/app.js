// Starts the page that the server was asked for.

const { start } = await import(`/static/${document.body.dataset.mode}.js`);
await start(document.getElementById("app"));
