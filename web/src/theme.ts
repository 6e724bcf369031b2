// Light or dark: as the system has it, unless its user wants one of them here. It is kept in this browser.
export type Theme = "system" | "light" | "dark";

const place = "latchkey-theme";

export function theme(): Theme {
  const kept = localStorage.getItem(place);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function setTheme(next: Theme) {
  if (next === "system") localStorage.removeItem(place);
  else localStorage.setItem(place, next);
  applyTheme();
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}
