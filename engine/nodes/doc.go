// Package nodes holds the node types that come with Alur, one file each; its
// import registers them. The contract is in package node.
//
// A file is read from top to bottom: the settings with the meaning of each key,
// Validate with what is wrong in the settings alone, the type with Kind, Effect
// and Run, and then what else it can do: Branches, Outputs for the variables that
// others may use, Test, and Check with what is wrong in the light of the
// collections. Settings are decoded once per workflow version, so whatever can be
// compiled is compiled then.
//
// Two rules hold for all types here. Settings hold templates and expressions of
// package expr, and what is left of them once variables are filled in goes into
// Step.Input, so that the log shows what a step worked on. And a variable without
// a value never widens what a node does to records: it is an error there.
package nodes
