import assert from "node:assert/strict";
import { test } from "node:test";

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
