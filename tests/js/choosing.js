/**
 * How timbres are counted, for pytest. Argument: a file of JSON, { vectors, notes, unrest }. Prints
 * what the library judges by, its verdict and its weights.
 */

import { readFileSync } from "node:fs";

import * as weights from "../../web/lib/timbres/choose-weights.js";
import { chooseTimbres, describeTimbres } from "../../web/lib/timbres/choose.js";

const { vectors, notes, unrest } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const traits = describeTimbres(vectors.map((values) => Float64Array.from(values)), notes, unrest);
console.log(JSON.stringify({ traits, ...chooseTimbres(traits), weights }));
