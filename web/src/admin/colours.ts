/** Colours for roles, by name. Each stands out by at least 3 to 1 from the surfaces of the light and the dark side. */
export const colours: readonly [name: string, value: string][] = [
  ["Slate", "#64748b"],
  ["Red", "#dc2626"],
  ["Orange", "#c2570c"],
  ["Amber", "#a16207"],
  ["Green", "#15803d"],
  ["Teal", "#0d8278"],
  ["Blue", "#2f74e0"],
  ["Violet", "#8b5cf6"],
  ["Pink", "#d12b7a"],
];
