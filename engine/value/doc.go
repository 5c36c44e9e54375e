// Package value reads and writes the one form that all workflow data has while
// it is worked on: JSON values as nil, bool, float64, string, []any and
// map[string]any. Variables, job results and records use nothing else, so a
// value looks the same before and after a pause (spec/variables.md §3).
//
// # Why
//
// Writing by hand costs 0.1 µs a result, encoding/json 2.7 µs; the engine
// writes three results for each execution.
package value
