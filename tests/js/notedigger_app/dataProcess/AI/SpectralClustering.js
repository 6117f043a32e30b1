// Spectral clustering that begins, like noteDigger's, from Math.random, with a dense matrix.
function SpectralClustering(vectors, k) {
    const n = vectors.length;
    const affinity = vectors.map((a, i) =>
        Float32Array.from(vectors, (b, j) => (i === j ? 0 : Math.exp(a.reduce((s, x, c) => s + x * b[c], 0)))),
    );
    const degrees = affinity.map((row) => row.reduce((a, b) => a + b, 0) || 1);
    let block = Array.from({ length: k }, () => Float64Array.from({ length: n }, () => Math.random()));
    for (let step = 0; step < 30; step++) {
        block = block.map((x) =>
            x.map((own, i) => own + affinity[i].reduce((s, w, j) => s + (w * x[j]) / Math.sqrt(degrees[i] * degrees[j]), 0)),
        );
        block.forEach((x, c) => {
            for (const before of block.slice(0, c)) {
                const along = x.reduce((s, value, i) => s + value * before[i], 0);
                x.forEach((_, i) => (x[i] -= along * before[i]));
            }
            const length = Math.hypot(...x) || 1;
            x.forEach((_, i) => (x[i] /= length));
        });
    }
    const rows = vectors.map((_, i) => {
        const row = block.map((x) => x[i]);
        const length = Math.hypot(...row) || 1;
        return row.map((value) => value / length);
    });
    const dot = (a, b) => a.reduce((s, x, c) => s + x * b[c], 0);
    const centres = [];
    const rest = rows.map((row) => [...row]);
    for (let c = 0; c < Math.min(k, n); c++) {
        const sizes = rest.map((row) => dot(row, row));
        const pivot = sizes.indexOf(Math.max(...sizes));
        centres.push(rows[pivot]);
        const axis = rest[pivot].map((x) => x / (Math.sqrt(sizes[pivot]) || 1));
        for (const row of rest) {
            const along = dot(row, axis);
            axis.forEach((x, i) => (row[i] -= along * x));
        }
    }
    return rows.map((row) => {
        const near = centres.map((centre) => dot(row, centre));
        return near.indexOf(Math.max(...near));
    });
}
