/** The demo page: which event leads to which action. */

import { element } from "./dom.js";
import { startIntake } from "./intake.js";
import { startKeyboard } from "./keyboard.js";
import { show as showOffline, startOffline } from "./offline.js";
import { readExample } from "./place.js";
import { isOpen, player, roll, showSound, showWords, toggle } from "./result.js";
import { sayAgain, showMicrophoneError } from "./status.js";
import { startTempo } from "./tempo.js";
import { startTexts } from "./texts.js";
import { startTheme } from "./theme.js";
import { startTuner } from "./tuner.js";
import { renote, rerun, stop, take, warmUp } from "./work.js";

function start() {
  startTexts(() => {
    showWords();
    sayAgain();
    showOffline();
  });
  startTheme(() => roll.recolour());
  startTuner({ onTune: () => void renote(), onRetune: () => void rerun() });
  startTempo(showSound);
  startIntake({
    onOffer: (offer) => void take(offer),
    onNear: () => void warmUp(),
    onMicrophoneError: showMicrophoneError,
    readExample,
  });
  element("cancel", HTMLButtonElement).addEventListener("click", stop);
  addEventListener("pagehide", () => player.pause());
  startKeyboard({ player, roll, toggle, isOpen });
  element("options", HTMLFormElement).addEventListener("change", ({ target }) => {
    if (target === element("count", HTMLSelectElement)) void renote();
    else void rerun();
  });
  element("backend", HTMLSelectElement).addEventListener("change", () => void rerun());
  void startOffline();
}

start();
