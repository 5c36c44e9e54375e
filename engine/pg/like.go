package pg

import "strings"

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Like returns the LIKE pattern for texts that hold s; it matches everything
// when s is empty.
func Like(s string) string { return "%" + likeEscaper.Replace(strings.TrimSpace(s)) + "%" }
