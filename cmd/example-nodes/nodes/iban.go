package nodes

import (
	"errors"
	"strings"

	"alur/engine/expr/function"
)

// Expressions of math.js and Formula.js can ask ACME_IBAN({{$context.data.iban}}).
var _ = function.Register(function.Function{
	Name: "ACME_IBAN", Help: "ACME_IBAN(text): whether the check digits of an IBAN are right",
	Call: func(args []any) (any, error) {
		if len(args) != 1 {
			return nil, errors.New("ACME_IBAN takes one IBAN")
		}
		text, _ := args[0].(string)
		return validIBAN(text), nil
	},
})

// validIBAN is the check of ISO 13616: the number, with its first four characters
// moved to the end and letters as 10 to 35, leaves 1 when divided by 97.
func validIBAN(text string) bool {
	text = strings.ToUpper(strings.ReplaceAll(text, " ", ""))
	if len(text) < 15 || len(text) > 34 {
		return false
	}
	rest := 0
	for _, r := range text[4:] + text[:4] {
		switch {
		case r >= '0' && r <= '9':
			rest = (rest*10 + int(r-'0')) % 97
		case r >= 'A' && r <= 'Z':
			rest = (rest*100 + int(r-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}
