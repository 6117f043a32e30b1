// A worker in noteDigger's manner: classic, onnxruntime-web 1.18.0 by importScripts, one thread,
// the sum of the channels in, and cpuData read as views that begin where its buffer does.
/* global importScripts, ort */
importScripts("ort/ort.wasm.min.js");
ort.env.wasm.numThreads = 1;
ort.env.wasm.simd = true;
ort.env.wasm.wasmPaths = "ort/";

self.onmessage = async ({ data: { model, channels } }) => {
    try {
        const audio = new Float32Array(channels[0].length);
        for (const channel of channels) {
            for (let i = 0; i < audio.length; i++) audio[i] += channel[i];
        }
        const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
        const results = await session.run({
            audio: new ort.Tensor("float32", audio, [1, 1, audio.length]),
        });
        const outputs = {};
        for (const name of session.outputNames) {
            const { cpuData, dims } = results[name];
            const frames = dims[dims.length - 1];
            const rows = Array.from(
                { length: cpuData.length / frames },
                (_, row) => new Float32Array(cpuData.buffer, 4 * row * frames, frames),
            );
            outputs[name] = { dims, rows: rows.map((row) => Array.from(row)) };
        }
        self.postMessage({ outputs });
    } catch (error) {
        self.postMessage({ error: String(error) });
    }
};
