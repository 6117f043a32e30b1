// From a worker's answer to tracks, as noteDigger does: the track comes first, then its loudest note.
function _Analyser(parent) {
    const addTrack = (name, events) => {
        const channels = parent.MidiAction.channelDiv;
        const track = channels.addChannel();
        if (!track) return;
        track.name = name + track.index;
        const loudest = events.reduce((a, b) => (a.velocity > b.velocity ? a : b)).velocity;
        track.ch.volume = 127 * loudest;
        const unit = (256 * 1000) / (22050 * parent.dt);
        for (const { onset, offset, note, velocity } of events) {
            parent.MidiAction.midi.push({
                x1: onset * unit,
                x2: offset * unit,
                y: note - 24,
                ch: track.index,
                v: (127 * velocity) / loudest,
            });
        }
    };
    this.basicamt = (audio, judgeOnly = false) => {
        if (judgeOnly) return true;
        return AI.basicamt(audio).then((events) => {
            addTrack("AI", events);
        }).catch(alert);
    };
    this.septimbre = (audio, k = 2) => {
        return AI.septimbre(audio, k).then((tracks) => {
            tracks.forEach((events) => {
                addTrack("AI", events);
            });
        }).catch(alert);
    };
}
