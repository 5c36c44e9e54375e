// Package sdktest drives the real server with the client library that programs
// for the reference are written with, unchanged: what works here works for them.
//
// journey.mjs is such a program. The test installs the library at the version of
// package-lock.json into the user's cache, once for each lock file.
package sdktest
