package script_test

import (
	"testing"

	"alur/engine/script"
	"alur/engine/script/scripttest"
)

func TestRequire(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	tests := []struct{ source, want string }{
		{"return require('lodash').groupBy([{a: 1}, {a: 2}, {a: 1}], 'a')", `{"1":[{"a":1},{"a":1}],"2":[{"a":2}]}`},
		{"return require('lodash') === require('lodash')", `true`},
		{"return require('dayjs')('2024-01-31T00:00:00Z').add(1, 'month').toISOString()", `"2024-02-29T00:00:00.000Z"`},
		{"const dayjs = require('dayjs'); dayjs.extend(require('dayjs/plugin/utc')); dayjs.extend(require('dayjs/plugin/isoWeek')); return dayjs.utc('2024-12-30').isoWeek()", `1`},
		{"const dayjs = require('dayjs'); dayjs.extend(require('dayjs/plugin/duration')); return dayjs.duration(90, 'minutes').asHours()", `1.5`},
		{"const {v4, v5, validate} = require('uuid'); return [validate(v4()), v4() !== v4(), v5('alur', v5.URL)]", `[true,true,"2d2d2ef3-f491-5236-ada2-86456e46eab4"]`},
		{"return require('crypto').createHash('sha256').update('abc').digest('hex')", `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{"return require('node:crypto').createHash('SHA-1').update('a').update(new Uint8Array([98, 99])).digest('base64')", `"qZk+NkcGgWq6PiVxeFDCbJzQ2J0="`},
		{"return require('crypto').createHash('md5').update('YWJj', 'base64').digest().toString('hex')", `"900150983cd24fb0d6963f7d28e17f72"`},
		{"return require('crypto').createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('hex')", `"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"`},
		{"const c = require('crypto'); return [c.randomBytes(4).length, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(c.randomUUID()), c.timingSafeEqual('a', 'a')]", `[4,true,true]`},
		{"return require('crypto').createHash('sha999')", `error: TypeError: hash "sha999" not supported; these are: md5, sha1, sha224, sha256, sha384, sha512`},
		{"return require('axios')", `error: TypeError: module "axios" not supported; these are: crypto, dayjs, dayjs/plugin/advancedFormat, dayjs/plugin/customParseFormat, dayjs/plugin/dayOfYear, dayjs/plugin/duration, dayjs/plugin/isBetween, dayjs/plugin/isLeapYear, dayjs/plugin/isSameOrAfter, dayjs/plugin/isSameOrBefore, dayjs/plugin/isoWeek, dayjs/plugin/minMax, dayjs/plugin/quarterOfYear, dayjs/plugin/relativeTime, dayjs/plugin/utc, dayjs/plugin/weekOfYear, dayjs/plugin/weekday, lodash, uuid`},
	}
	for _, tc := range tests {
		t.Run(tc.source, func(t *testing.T) {
			t.Parallel()
			if got := answer(t, p, script.Request{Key: "require", Source: tc.source, Timeout: script.MaxTimeout}); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
