// Package sample holds the applications a newcomer can install: collections,
// records and an enabled workflow each, described in JSON and made through the
// same calls that people's clicks make.
package sample
