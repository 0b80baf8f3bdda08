import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {parseFilter, tagsOf} from '../../studio/ui/static/scripts/caption/filter.js';
import {FilterError, quote} from '../../studio/ui/static/scripts/caption/filter_words.js';

const CASES = JSON.parse(readFileSync(new URL('../caption/filter_cases.json', import.meta.url)));

for (const [text, wanted] of CASES.finds) {
  test(`the filter ${JSON.stringify(text)} finds what it finds in Python`, () => {
    const found = parseFilter(text);
    const places = [...CASES.items.keys()].filter((place) => found.test(CASES.items[place]));
    assert.deepEqual(places, wanted);
  });
}

for (const [text, what, at, end] of CASES.errors) {
  test(`the mistake in ${JSON.stringify(text)} is named where it is`, () => {
    assert.throws(
      () => parseFilter(text),
      (error) => {
        assert.ok(error instanceof FilterError);
        assert.deepEqual([error.what, error.at, error.end], [what, at, end]);
        return true;
      },
    );
  });
}

test('what a filter needs to know', () => {
  for (const [text, needs] of CASES.needs) assert.deepEqual(parseFilter(text).needs, needs);
});

test('a filter has an end', () => {
  for (const text of ['('.repeat(5000), `${'NOT '.repeat(400)}x`, `${'('.repeat(300)}x${')'.repeat(300)}`]) {
    assert.throws(() => parseFilter(text), FilterError);
  }
});

test('a tag is put into a filter so that it finds itself', () => {
  for (const tag of ['red', 'dark red', 'miku \\(vocaloid\\)', 'say "hi"', 'a:b', '(x)', 'NOT', 'back\\slash']) {
    const found = parseFilter(`tag:${quote(tag)}`);
    assert.ok(found.test({file: '1.png', caption: `x, ${tag}, y`}), tag);
    assert.ok(!found.test({file: '1.png', caption: 'x, y'}), tag);
  }
  assert.deepEqual(tagsOf(' red,, two   dogs ,\nblue'), ['red', 'two dogs', 'blue']);
});
