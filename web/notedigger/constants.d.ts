/** Set by the bundler, for each model. */

/** Whether the model tells timbres apart. */
declare const SEPARATES: boolean;
/** The model's parts, a JSON file in the folder beside the worker. */
declare const PARTS: { path: string; sha256: string };
/** Of a classic worker. */
declare function importScripts(...urls: string[]): void;
