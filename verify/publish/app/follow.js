
// By tiny-amt: shows how far a run is, and stops it. Of a run that reports nothing it shows nothing.
AI.followRun = (stop) => {
    const card = document.createElement("div");
    card.className = "tiny-amt-run";
    card.style.cssText = "position:fixed;bottom:1em;left:50%;transform:translateX(-50%);z-index:9999;"
        + "padding:.5em 1em;border-radius:.5em;background:#222d;color:#fff";
    const share = document.createElement("span");
    const button = document.createElement("button");
    button.textContent = "取消";
    button.style.marginLeft = "1em";
    button.onclick = () => {
        card.remove();
        stop();
    };
    card.append(share, button);
    return {
        at(fraction) {
            share.textContent = `扒谱 ${Math.floor(100 * fraction)}%`;
            if (!card.isConnected) document.body.append(card);
        },
        end() {
            card.remove();
        },
    };
};
