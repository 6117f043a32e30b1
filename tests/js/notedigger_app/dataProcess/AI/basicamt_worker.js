// A worker by noteDigger's contract: the whole file on onnxruntime-web 1.18.0, the app's decoder.
self.importScripts("./postprocess.js", "./dist/bundle.min.js");
ort.env.wasm.wasmPaths = "./dist/";
const model = ort.InferenceSession.create("./basicamt_44100.onnx", { executionProviders: ["wasm"] });

self.onmessage = ({ data }) => {
    const audio = new ort.Tensor("float32", data, [1, 1, data.length]);
    model
        .then((session) => session.run({ audio }))
        .then(({ onset, frame }) => self.postMessage(createNotes(onset, frame, 0.22, 0.38)))
        .catch((error) => self.postMessage({ type: "error", message: error.message }));
};
