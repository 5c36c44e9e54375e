// Package fault sorts errors by what the caller can do about them, and carries
// the one sentence a person gets to read.
//
// Whatever nobody classified is [Internal]: it is logged and never shown. The
// package imports nothing of ours, so that every other package can use it.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Kind says what the caller can do about an error.
type Kind uint8

const (
	Internal   Kind = iota // our fault; the cause is for the log only
	Invalid                // the input must change; see Error.Fields
	NotFound               // there is no such thing, or not for this actor
	Forbidden              // the actor may see that it exists but not do this
	Conflict               // somebody else was faster
	Gone                   // it existed, and its time is over
	Overloaded             // try again later
	Unsigned               // sign in first
	TooLarge               // more was sent than is taken
)

var names = [...]string{"internal", "invalid", "not found", "forbidden", "conflict", "gone", "overloaded", "unsigned", "too large"}

func (k Kind) String() string { return names[k] }

// Error is an error with a sentence for the person who caused it.
type Error struct {
	Kind   Kind
	Msg    string            // one sentence, shown as is
	Code   string            // stable word for programs, "" for none (spec/platform.md §7)
	Fields map[string]string // form field name to its problem; only for Invalid
	Record string            // key of the one of several things that it is about; "" when one was meant
	Err    error             // cause for the log; may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k that shows msg.
func New(k Kind, msg string) *Error { return &Error{Kind: k, Msg: msg} }

// Wrap is New with a cause for the log.
func Wrap(k Kind, msg string, err error) *Error { return &Error{Kind: k, Msg: msg, Err: err} }

// Fields returns an Invalid error with a problem for each named field, or nil
// when there is none. It returns the error interface so that "no problems" is a
// true nil.
func Fields(problems map[string]string) error {
	if len(problems) == 0 {
		return nil
	}
	msg := "Please check the marked fields."
	if len(problems) == 1 {
		msg = slices.Collect(maps.Values(problems))[0]
	}
	return &Error{Kind: Invalid, Msg: msg, Fields: problems}
}

// Of returns the kind of err; Internal when nobody classified it.
func Of(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && Of(err) == k }

// OfOne says of err, which undid a change of n things, which of them it is about: in
// words and as [Error.Record]. What is called what has this key.
func OfOne(err error, n int, what string, key any) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || n < 2 || e.Kind == Internal || e.Record != "" {
		return err
	}
	named := &Error{Kind: e.Kind, Code: e.Code, Record: fmt.Sprint(key), Err: err}
	named.Msg = fmt.Sprintf("Nothing was changed. %s %s: %s", what, named.Record, e.Msg)
	for field, msg := range e.Fields {
		if named.Fields == nil {
			named.Fields = map[string]string{}
		}
		named.Fields[field] = fmt.Sprintf("%s %s: %s", what, named.Record, msg)
	}
	return named
}
