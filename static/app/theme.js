// Runs before the first paint: the theme that this browser chose last, else what the system prefers.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("oems.theme"); } catch (error) { /* private mode */ }
  var light = window.matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = chosen || (light ? "light" : "dark");
})();
