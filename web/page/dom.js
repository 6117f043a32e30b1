/** The page's elements, typed; a missing one throws. */

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind e.g. HTMLButtonElement
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

/**
 * The value of the checked radio button of a name.
 * @param {string} name
 * @returns {string}
 */
export function chosen(name) {
  const found = document.querySelector(`input[name="${name}"]:checked`);
  return found instanceof HTMLInputElement ? found.value : "";
}

/**
 * Check the radio button of a name that has a value.
 * @param {string} name
 * @param {string} value
 */
export function choose(name, value) {
  const found = document.querySelector(`input[name="${name}"][value="${value}"]`);
  if (found instanceof HTMLInputElement) found.checked = true;
}

/**
 * A value kept from an earlier visit; null without one, or without storage.
 * @param {string} key
 */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A page opened from disk, or with storage forbidden, forgets: no harm.
  }
}
