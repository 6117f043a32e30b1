/** Pinching with two fingers, on a screen or a touchpad: it zooms one element instead of the page. */

/**
 * @param {HTMLElement} area its style leaves pinching to it (touch-action: pan-x pan-y)
 * @param {(factor: number, clientX: number) => void} onZoom the middle of the fingers stays in place
 */
export function followPinch(area, onZoom) {
  // A pinch on a touchpad arrives as a wheel with Ctrl.
  area.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls as usual
      event.preventDefault();
      onZoom(Math.exp(-event.deltaY / 200), event.clientX);
    },
    { passive: false },
  );
  let before = 0;
  area.addEventListener("touchstart", (event) => (before = spread(event)), { passive: true });
  area.addEventListener(
    "touchmove",
    (event) => {
      const now = spread(event);
      if (now === 0) return;
      event.preventDefault();
      if (before > 0) onZoom(now / before, (event.touches[0].clientX + event.touches[1].clientX) / 2);
      before = now;
    },
    { passive: false },
  );
}

/**
 * Pixels between two fingers; 0 if there are not two.
 * @param {TouchEvent} event
 */
function spread({ touches }) {
  if (touches.length !== 2) return 0;
  const [a, b] = touches;
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}
