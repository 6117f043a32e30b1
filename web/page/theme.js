/** Light or dark: the reader's choice, else the system's. */

import { element, recall, remember } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)");

/** @param {() => void} onChange */
export function startTheme(onChange) {
  const show = () => {
    const kept = recall("theme");
    const dark = kept ? kept === "dark" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    onChange();
  };
  system.addEventListener("change", show);
  element("theme", HTMLButtonElement).addEventListener("click", () => {
    remember("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    // Without storage, the attribute itself remembers until the page is left.
    if (!recall("theme")) {
      const root = document.documentElement;
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      onChange();
    } else show();
  });
  show();
}
