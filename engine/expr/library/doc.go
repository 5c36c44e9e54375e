// Package library carries the original JavaScript libraries behind the engines
// math.js and formula.js, so that expressions mean exactly what those document.
//
// The bundles are built by "go generate" from npm packages that
// package-lock.json pins, and are committed: building and testing Alur needs
// neither npm nor a network. bundle.sum ties the bundles to what they were made
// from; a test compares.
package library

//go:generate go run ./build mathjs.js formulajs.js
