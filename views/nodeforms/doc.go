// Package nodeforms is how people see node types: name, icon, help, the form of
// the settings, and the one line that a card says about them. One templ file
// per node type.
//
// A form keeps what was typed in exactly as it was typed, blank rows included,
// so that an answer with problems, or with one more row, loses nothing. What it
// saves goes into the stored settings key by key: keys it does not know stay.
//
// Forms need no JavaScript: rows are added and removed by submit buttons named
// "do". With htmx the same buttons answer with the drawer.
package nodeforms
