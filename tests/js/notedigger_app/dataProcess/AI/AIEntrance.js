// Starts a worker for each run, as noteDigger does: the first message ends it.
var AI = {
    addChannels(audio) {
        const sum = new Float32Array(audio.length);
        for (let c = 0; c < audio.numberOfChannels; c++) {
            audio.getChannelData(c).forEach((value, i) => (sum[i] += value));
        }
        return sum;
    },
    basicamt: (audio) => new Promise((resolve, reject) => {
        const one = new Worker("./dataProcess/AI/basicamt_worker.js");
        one.onmessage = ({ data }) => {
            if (data.type === 'error') {
                console.error(data.message);
                reject("probably out of memory");
            } else resolve(data);
            one.terminate();
        };
        one.onerror = (e) => {
            console.error(e.message);
            reject(e);
            one.terminate();
        };
        const samples = AI.addChannels(audio);
        one.postMessage(samples, [samples.buffer]);
    }),
    septimbre: (audio, k) => new Promise((resolve, reject) => {
        const other = new Worker("./dataProcess/AI/septimbre_worker.js");
        other.onmessage = ({ data }) => {
            if (data.type === 'error') {
                console.error(data.message);
                reject("probably out of memory");
            } else resolve(data);
            other.terminate();
        };
        other.onerror = (e) => {
            console.error(e.message);
            reject(e);
            other.terminate();
        };
        const samples = AI.addChannels(audio);
        other.postMessage(k);
        other.postMessage(samples, [samples.buffer]);
    }),
};
