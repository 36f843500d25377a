// Before anything is painted: that scripts run, and the theme that was chosen, else that of the system.
(() => {
  document.documentElement.dataset.scripted = "";
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
})();
