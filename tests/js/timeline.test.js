import assert from "node:assert/strict";
import { test } from "node:test";

import { Schedule } from "../../web/page/schedule.js";
import { Timeline } from "../../web/page/timeline.js";

test("a position follows the clock at its speed, once it has started", () => {
  const line = new Timeline({ offset: 3, startedAt: Infinity, speed: 0.5, loop: null });
  assert.equal(line.position(100), 3);
  line.startedAt = 10;
  assert.deepEqual([9, 10, 12, 20].map((clock) => line.position(clock)), [3, 3, 4, 8]);
  assert.equal(line.moment(4, 0), 12);
  assert.equal(line.round(20), 0);
});

test("a stretch is repeated, whatever the speed, and moments are those of positions", () => {
  for (const speed of [1, 0.5, 0.75]) {
    const line = new Timeline({ offset: 2.5, startedAt: 7, speed, loop: { from: 2, to: 4 } });
    for (let clock = 7; clock < 30; clock += 0.37) {
      const position = line.position(clock);
      assert.ok(position >= 2 && position < 4, `${position}`);
      assert.ok(Math.abs(line.moment(position, line.round(clock)) - clock) < 1e-9);
    }
    assert.equal(line.moment(2, 1), line.moment(4, 0), "one round follows the other without a gap");
    assert.equal(line.round(7 + 1.4 / speed), 0);
    assert.equal(line.round(7 + 1.6 / speed), 1);
  }
});

/** What is due up to a clock, asked for every 80 ms: [pitch, start, end] on the clock. */
function due(line, notes, until) {
  const schedule = new Schedule();
  schedule.setNotes(notes.map(([pitch, start, end]) => ({ pitch, start, end, velocity: 1, timbre: 0 })));
  schedule.restart(line, line.startedAt);
  const heard = [];
  for (let clock = line.startedAt; clock < until; clock += 0.08) {
    schedule.takeDue(line, clock, ({ pitch }, start, end) => heard.push([pitch, start, end]));
  }
  return heard.filter(([, start]) => start < until);
}

test("notes are due once, in time, from where it starts", () => {
  const notes = [[60, 0, 1], [62, 1, 2.5], [64, 3, 4]];
  const line = new Timeline({ offset: 2, startedAt: 10, speed: 0.5, loop: null });
  assert.deepEqual(due(line, notes, 30), [[62, 10, 11], [64, 12, 14]]);
});

test("notes of a stretch are due in every round, cut at its edges", () => {
  const notes = [[60, 0, 1.25], [62, 1.5, 3], [64, 3, 4]];
  const line = new Timeline({ offset: 1, startedAt: 0, speed: 1, loop: { from: 1, to: 2 } });
  const heard = due(line, notes, 3);
  assert.deepEqual(heard, [0, 1, 2].flatMap((i) => [[60, i, i + 0.25], [62, i + 0.5, i + 1]]));
  const silent = new Timeline({ offset: 5, startedAt: 0, speed: 1, loop: { from: 5, to: 6 } });
  assert.deepEqual(due(silent, notes, 3), []);
});
