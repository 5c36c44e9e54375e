// Package e2e drives the real program with a real browser: whole journeys, as a
// person would make them. All of it is tests.
//
// A journey starts a server ([start]) on a database or data directory of its
// own and sends visitors ([server.visitor]), each with their own cookies. A
// violation of the content security policy or an error in the console fails the
// test, whatever it was about. [visitor.inspect] looks at the open page as
// everybody sees it: three widths, light and dark, with axe.
//
// With SHOTS=directory in the environment, inspect also saves what it saw.
package e2e
