// Package node is the contract between the engine and a node type: what a node
// is given, what it may answer, and what it promises by its [Effect].
//
// A node type is one file with its settings, their check, Run and a line
//
//	var _ = node.Register[Config](kind{})
//
// The package knows only fault. The processor knows this package and never a
// single node type.
package node
