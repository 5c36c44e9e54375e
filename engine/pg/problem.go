package pg

import "fmt"

// Problem is why a private server cannot run, in a sentence for the person who
// starts it: what is wrong and what to do.
type Problem struct{ Msg string }

func (p *Problem) Error() string { return p.Msg }

func problem(format string, args ...any) *Problem {
	return &Problem{Msg: fmt.Sprintf(format, args...)}
}
