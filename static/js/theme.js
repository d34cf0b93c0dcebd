// Loaded in <head>, before anything is drawn: the chosen theme without a flash, and the sign that script works.
(function () {
  "use strict";
  const root = document.documentElement;
  let choice = null;
  try {
    choice = localStorage.getItem("coinai-theme");
  } catch {
    // Storage is forbidden here: follow the system.
  }
  root.dataset.choice = choice === "light" || choice === "dark" ? choice : "system";
  if (root.dataset.choice !== "system") root.dataset.theme = root.dataset.choice;
})();
