// Package forms is how people see Acme's types: one file for each. They are made of
// the parts of nodeforms; what these cannot do is a component of templ of one's own.
package forms
