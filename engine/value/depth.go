package value

// Deeper reports whether lists and objects stand in each other more than most
// times in JSON text, valid or not, before anything is built of it.
func Deeper(raw []byte, most int) bool {
	depth, text, escaped := 0, false, false
	for _, b := range raw {
		switch {
		case escaped:
			escaped = false
		case text && b == '\\':
			escaped = true
		case b == '"':
			text = !text
		case text:
		case b == '{' || b == '[':
			if depth++; depth > most {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}
