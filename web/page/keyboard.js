/** The page by keyboard: space plays, and on the roll the arrows seek and + and − zoom. */

/**
 * @param {object} parts
 * @param {import("./player.js").Player} parts.player
 * @param {import("./roll.js").Roll} parts.roll
 * @param {() => void} parts.toggle
 * @param {() => boolean} parts.isOpen whether there is something to play
 */
export function startKeyboard({ player, roll, toggle, isOpen }) {
  addEventListener("keydown", (event) => {
    if (!isOpen() || event.ctrlKey || event.metaKey || event.altKey) return;
    const on = /** @type {HTMLElement} */ (event.target);
    if (event.key === " ") {
      if (on.closest("button, a, input, select, textarea, label")) return;
      toggle();
    } else if (on.id !== "scroller" || !steer(event)) return;
    event.preventDefault();
  });

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was handled
   */
  function steer({ key, shiftKey }) {
    const step = shiftKey ? 5 : 1;
    const { time, length } = player;
    if (key === "ArrowRight") player.seek(time + step);
    else if (key === "ArrowLeft") player.seek(time - step);
    else if (key === "Home") player.seek(0);
    else if (key === "End") player.seek(length);
    else if (key === "+" || key === "=") roll.zoom(1.4);
    else if (key === "-") roll.zoom(1 / 1.4);
    else return false;
    roll.setTime(player.time, true);
    return true;
  }
}
