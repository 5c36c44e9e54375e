// Package modules carries the JavaScript packages that scripts can require:
// lodash, dayjs with its common plugins, and uuid.
//
// The bundle is built by "go generate" from npm packages that package-lock.json
// pins, and is committed, as those of package library are.
package modules

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the bundle
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/dop251/goja"
)

//go:generate go run ../../expr/library/build -out modules.json.gz -require lodash,uuid,dayjs,dayjs/plugin/advancedFormat,dayjs/plugin/customParseFormat,dayjs/plugin/dayOfYear,dayjs/plugin/duration,dayjs/plugin/isBetween,dayjs/plugin/isLeapYear,dayjs/plugin/isoWeek,dayjs/plugin/isSameOrAfter,dayjs/plugin/isSameOrBefore,dayjs/plugin/minMax,dayjs/plugin/quarterOfYear,dayjs/plugin/relativeTime,dayjs/plugin/utc,dayjs/plugin/weekday,dayjs/plugin/weekOfYear

//go:embed modules.json.gz
var packed []byte

// sources is the code of the modules by name, unpacked when it is first needed.
var sources = sync.OnceValue(func() map[string]string {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("modules: " + err.Error())
	}
	var all map[string]string
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		panic("modules: " + err.Error())
	}
	return all
})

var programs sync.Map // *goja.Program by name

// Names returns the names that Program knows, in order.
func Names() []string { return slices.Sorted(maps.Keys(sources())) }

// Program returns a program whose value is a function: called with an object
// that has getRandomValues, it returns the module. It is nil for a name that is
// not known.
func Program(name string) *goja.Program {
	if p, ok := programs.Load(name); ok {
		return p.(*goja.Program)
	}
	code, ok := sources()[name]
	if !ok {
		return nil
	}
	p := goja.MustCompile(name, "(function(crypto){"+code+"\n;return module})", false)
	programs.Store(name, p)
	return p
}
