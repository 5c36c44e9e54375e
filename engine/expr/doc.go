// Package expr fills in variables and works out conditions and calculations:
// everything in a workflow's settings that is not known before it runs.
//
// There are three languages.
//
//   - A [Template] is any JSON value with {{path}} placeholders; evaluating it
//     gives a JSON value again.
//   - A [Condition] compares template values with a closed list of operators
//     ("basic" conditions).
//   - An [Expression] is a calculation in the syntax of math.js or Formula.js,
//     or text with placeholders ("string").
//
// All three are compiled once and evaluated often, by many goroutines at once.
// Evaluating never changes the scope, and resolves only the paths that are
// mentioned.
//
// Values are JSON values: nil, bool, float64, string, []any and map[string]any.
// Dates are text in ISO 8601, so that a value means the same before and after
// a wait. A variable that does not exist is [Undefined], which is not null:
// filters must not become wider because a variable is missing.
//
// # Engines
//
// math.js and Formula.js run unmodified, but not here: [Use] names what runs them,
// which is package script with its child processes. A runaway expression ends its
// own evaluation and nothing else. The common expressions never get there: a
// native path answers them in under a microsecond, where it is certain to agree
// with the library; a trip to a child takes about a hundred times that.
//
// Expressions of all workflows share the runtimes of a library, which are frozen
// or without the functions that could change what the next expression sees.
//
// # Rules
//
// Where the reference product's rules come from JavaScript, so do ours: loose
// equality, number texts, UTF-16 order. Deviations, each one an improvement:
//
//   - null gives false in a comparison instead of an error;
//   - two ISO dates are compared as instants, not as texts;
//   - mapping a list keeps null for null elements, and works for fields that
//     are called like an array method;
//   - keys of objects may hold dots;
//   - objects become JSON inside a text, not "[object Object]";
//   - letters of any language may stand in a placeholder.
//
// # Comparisons
//
// To those of the reference (spec/variables.md §10) come a few of ours:
//
//   - empty, notEmpty look at one value: null, a missing one, "", [] and {} are
//     empty; 0 and false are not;
//   - equalNoCase, includesNoCase and their negations notEqualNoCase and
//     notIncludesNoCase take capital and small letters for the same, in every
//     alphabet, letter by letter: "ß" is not "SS". Null gives false, negated true;
//   - sameDay, notSameDay, beforeDay, afterDay compare dates without their times. An
//     instant, also in milliseconds, is on its day in the zone of the scope ([Zoned]):
//     for workflows that of the server, which has schedules and dateRange too. A text
//     without a time zone is on the day it names. What is no date gives false, with
//     notSameDay true.
package expr
