// Package migrations holds the numbered, forward-only changes of the database.
package migrations

import "embed"

//go:embed *.sql
var files embed.FS
