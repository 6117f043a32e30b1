// Notes by the rules of the contract, with what noteDigger's own does otherwise: a peak after a quiet
// cell is lost, a note may not begin in the last frames, and the first cell is no candidate.
const SHORTEST = 6;
const TOLERANCE = 10;

function createNotes(onset, frame, frameLevel, onsetLevel) {
    const frames = frame.dims[2];
    const rows = ({ cpuData }) =>
        Array.from({ length: 84 }, (_, r) => cpuData.subarray(r * frames, (r + 1) * frames));
    const [onsets, activations] = [rows(onset), rows(frame)];
    inferOnsets(onsets, activations);
    const energy = activations.map((row) => row.slice());
    const notes = [];
    const walk = (row, t, step) => {
        let quiet = 0;
        for (; t >= 0 && t < frames && quiet < TOLERANCE; t += step) {
            quiet = energy[row][t] < frameLevel ? quiet + 1 : 0;
        }
        return t - step * quiet;
    };
    const take = (row, start, end, always) => {
        if (!always && end - start < SHORTEST) return;
        for (let r = Math.max(0, row - 1); r <= Math.min(83, row + 1); r++) energy[r].fill(0, start, end);
        if (end - start < SHORTEST) return;
        const sum = activations[row].subarray(start, end).reduce((a, b) => a + b, 0);
        notes.push({ onset: start, offset: end, note: 24 + row, velocity: sum / (end - start) });
    };
    for (const [t, row] of findPeak(onsets, onsetLevel).sort((a, b) => b[0] - a[0])) {
        if (t < frames - SHORTEST) take(row, t, walk(row, t + 1, 1), false);
    }
    const loud = activations.flatMap((values, row) =>
        Array.from(values, (value, t) => [value, row, t]).filter(([value, , t]) => t > 0 && value > frameLevel),
    );
    for (const [, row, t] of loud.sort((a, b) => b[0] - a[0])) {
        if (energy[row][t] >= frameLevel) take(row, walk(row, t - 1, -1) + 1, walk(row, t + 1, 1), true);
    }
    return notes;
}

function inferOnsets(onsets, activations) {
    const rises = activations.map((row) =>
        row.map((now, t) => (t < 3 ? 0 : Math.min(now - row[t - 1], now - row[t - 2], now - row[t - 3]))),
    );
    const steepest = Math.max(...rises.map((row) => row.reduce((a, b) => Math.max(a, b), -1)));
    onsets.forEach((row, r) =>
        row.forEach((value, t) => {
            const inferred = rises[r][t] / steepest; // NaN where nothing rises
            if (inferred > value) row[t] = inferred;
        }),
    );
}

function findPeak(rows, threshold = 0) {
    const peaks = [];
    rows.forEach((row, r) => {
        let rising = true;
        for (let t = 0; t + 1 < row.length; t++) {
            if (row[t] < threshold) continue; // the fault: whether it was rising is not forgotten
            if (!rising) {
                rising = row[t] < row[t + 1];
                continue;
            }
            let end = t + 1;
            while (end + 1 < row.length && row[end] === row[t]) end++;
            if (row[end] < row[t]) {
                peaks.push([t, r]);
                rising = false;
                t = end - 1;
            }
        }
    });
    return peaks;
}
