// Package nodes holds Acme's node types, one file each, and its function of
// expressions: VAT (pure), numbers (local), shipping (remote), pickup (waits).
package nodes
