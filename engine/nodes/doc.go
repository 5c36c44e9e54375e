// Package nodes holds the node types, one file each. Importing it registers
// them, as database/sql drivers do.
//
// A type is its settings (a struct with the JSON names of flow_nodes.config),
// their check, and Run; see package node for the contract, and condition.go for
// an example with branches, calculation.go for one without.
package nodes
