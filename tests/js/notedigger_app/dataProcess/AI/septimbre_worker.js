// The same for septimbre: first the number of timbres, then the recording; a list for each timbre.
self.importScripts("./postprocess.js", "./SpectralClustering.js", "./dist/bundle.min.js");
ort.env.wasm.wasmPaths = "./dist/";
const model = ort.InferenceSession.create("./septimbre_44100.onnx", { executionProviders: ["wasm"] });
let k = 2;

self.onmessage = ({ data }) => {
    if (typeof data === "number") {
        k = data;
        return;
    }
    const audio = new ort.Tensor("float32", data, [1, 1, data.length]);
    model
        .then((session) => session.run({ audio }))
        .then(({ onset, frame, embedding }) => {
            const notes = createNotes(onset, frame, 0.31, 0.35);
            const labels = SpectralClustering(describe(notes, frame, embedding), k);
            const lists = Array.from({ length: k }, () => []);
            notes.forEach((note, i) => lists[labels[i]].push(note));
            self.postMessage(lists);
        })
        .catch((error) => self.postMessage({ type: "error", message: error.message }));
};

function describe(notes, frame, embedding) {
    const frames = frame.dims[2];
    return notes.map(({ onset, offset, note }) => {
        const vector = new Float32Array(12);
        for (let t = onset; t < offset; t++) {
            const at = (note - 24) * frames + t;
            const weight = frame.cpuData[at] ** 2;
            for (let c = 0; c < 12; c++) vector[c] += weight * embedding.cpuData[c * 84 * frames + at];
        }
        const length = Math.hypot(...vector) || 1;
        return vector.map((value) => value / length);
    });
}
