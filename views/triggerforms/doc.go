// Package triggerforms is how people see trigger types: title, icon, help and
// the form of the settings. One templ file per trigger type. The forms are made
// like those of nodeforms, and of its parts.
package triggerforms
