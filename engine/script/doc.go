// Package script runs JavaScript that people have written, in child processes
// with limits that the kernel keeps.
package script
