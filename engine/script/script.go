package script

import (
	"fmt"
	"time"
)

// The limits of a script; doc.go has them as a table.
const (
	DefaultTimeout = 5 * time.Second
	MaxTimeout     = 60 * time.Second
	MaxSource      = 64 << 10  // bytes
	MaxArguments   = 1 << 20   // bytes of JSON, all together
	MaxOutput      = 1 << 20   // bytes of JSON
	MaxLog         = 256 << 10 // bytes; what is longer is cut
	MaxDepth       = 64        // lists and objects in one another
	MaxMemory      = 128 << 20 // bytes
)

// What an [Error] can blame.
const (
	LimitTime      = "time"
	LimitMemory    = "memory"
	LimitStack     = "stack" // calls or data nested too deeply
	LimitSource    = "source"
	LimitArguments = "arguments"
	LimitOutput    = "output"
	LimitDepth     = "depth"
)

// Request is one run of a script.
type Request struct {
	// Key says whose script it is. A child process only ever sees requests of
	// one key: use the workflow's version and the node.
	Key     string
	Source  string
	Args    []Arg
	Timeout time.Duration // 0 is DefaultTimeout
}

// Arg becomes a global variable of the script.
type Arg struct {
	Name  string
	Value any // a JSON value
}

// Result is what a script came to.
type Result struct {
	Value    any    // a JSON value
	Returned bool   // by a return statement; Value is nil without one
	Log      string // what the script wrote to the console, lines of "[level] text"
}

// Error is a failure that is the script's own, in words for its author.
type Error struct {
	Message string // "TypeError: …", or a sentence about a limit
	Log     string // as in Result, as far as it is known
	Limit   string // one of the constants; "" for an ordinary error
	Line    int    // of the script, from 1; 0 when not known
}

func (e *Error) Error() string { return e.Message }

func overLimit(limit, format string, args ...any) *Error {
	return &Error{Limit: limit, Message: fmt.Sprintf(format, args...)}
}

// kilobytes words a size for people.
func kilobytes(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d kB", (n+1023)>>10)
}

// seconds words a time limit.
func seconds(d time.Duration) string {
	if d == time.Second {
		return "a second"
	}
	return fmt.Sprintf("%g seconds", d.Seconds())
}
