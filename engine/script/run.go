package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"alur/engine/value"
)

// Run runs a script in a child that has only ever seen requests of its key. An
// [*Error] is the script's own fault; anything else is ours, or the end of ctx.
// The time limit counts from when the script starts, not while it waits for its
// turn.
//
// A script has no effects but its result, so it may be run again.
func (p *Pool) Run(ctx context.Context, r Request) (Result, error) {
	req := request{Do: doScript}
	within, err := r.prepare(&req)
	if err != nil {
		return Result{}, err
	}
	res, err := p.ask(ctx, p.scripts, r.Key, req, r.Source, within+killGrace)
	if err != nil {
		if e, ok := errors.AsType[*end](err); ok {
			return Result{}, e.scriptError(within)
		}
		return Result{}, err
	}
	if e := res.Error; e != nil {
		return Result{}, &Error{Message: e.Message, Log: res.Log, Limit: e.Limit, Line: e.Line}
	}
	v, err := decodeValue(res.Value)
	if err != nil {
		return Result{}, fmt.Errorf("read a script's result: %w", err)
	}
	return Result{Value: v, Returned: res.Returned, Log: res.Log}, nil
}

var argumentName = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*$`)

// prepare checks r and fills req in, all but the source.
func (r Request) prepare(req *request) (within time.Duration, err error) {
	within = r.Timeout
	if within <= 0 {
		within = DefaultTimeout
	}
	within = min(within, MaxTimeout)
	req.Timeout = within.Milliseconds()
	if len(r.Source) > MaxSource {
		return 0, overLimit(LimitSource, "The script has %s; at most 64 kB are possible. Move parts of it to another step.", kilobytes(len(r.Source)))
	}
	req.Args = append(make([]byte, 0, 256), '[')
	for i, arg := range r.Args {
		if !argumentName.MatchString(arg.Name) {
			return 0, &Error{Message: fmt.Sprintf("SyntaxError: “%s” cannot be the name of an argument. Use letters, digits and _, with a letter first.", arg.Name)}
		}
		if i > 0 {
			req.Args = append(req.Args, ',')
		}
		req.Names = append(req.Names, arg.Name)
		req.Args = value.Append(req.Args, arg.Value)
	}
	req.Args = append(req.Args, ']')
	if len(req.Args) > MaxArguments {
		return 0, overLimit(LimitArguments, "The arguments have %s; a script can be given at most 1 MB. Pass only what it needs.", kilobytes(len(req.Args)))
	}
	if checkDepth(req.Args, MaxDepth+1) != nil {
		return 0, overLimit(LimitDepth, "An argument is nested more than %d levels deep. Pass only the part that the script needs.", MaxDepth)
	}
	return within, nil
}

// scriptError words the end of a child that ran a script.
func (e *end) scriptError(within time.Duration) error {
	switch limit := e.limit(); limit {
	case LimitTime:
		return timeError(within)
	case LimitMemory:
		return memoryError()
	case LimitStack:
		return stackError()
	}
	return fmt.Errorf("run a script: %w", e)
}

func timeError(within time.Duration) *Error {
	return overLimit(LimitTime, "The script ran longer than %s and was stopped.", seconds(within))
}

func memoryError() *Error {
	return overLimit(LimitMemory, "The script needed more than 128 MB of memory and was stopped.")
}

func stackError() *Error {
	return overLimit(LimitStack, "The script nested calls or data too deeply and was stopped.")
}

// ask sends a request to a child of the key and keeps the child for the next
// one. An error of type *end is the child's end by its own doing.
func (p *Pool) ask(ctx context.Context, l *lane, key string, req request, source string, within time.Duration) (response, error) {
	if err := l.turns.take(ctx, key); err != nil {
		return response{}, err
	}
	defer l.give(key)
	c, err := p.childFor(ctx, l, key)
	if err != nil {
		return response{}, err
	}
	if c.source != source || source == "" {
		req.Source, c.source = &source, source
	}
	res, good, err := p.exchange(ctx, c, req, within)
	if err != nil || !good {
		p.drop(c)
		p.spare(l)
		return res, err
	}
	p.keep(l, key, c)
	return res, nil
}

// exchange is one request to c. The child is of no use afterwards unless good.
func (p *Pool) exchange(ctx context.Context, c *child, req request, within time.Duration) (res response, good bool, err error) {
	frame, err := newFrame(req)
	if err != nil {
		return response{}, true, err
	}
	text, good, err := c.exchange(ctx, frame, within)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case p.closed():
			err = ErrClosed
		}
		return response{}, false, err
	}
	if res, err = decodeResponse(text); err != nil {
		return response{}, false, err
	}
	return res, good && !res.Retire, nil
}

func (p *Pool) closed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// childFor returns a child of the key: an idle one, or a new one, which for an
// expression loads its library first.
func (p *Pool) childFor(ctx context.Context, l *lane, key string) (*child, error) {
	if c := p.take(l, key); c != nil {
		return c, nil
	}
	c, err := p.newChild(ctx)
	if err != nil {
		return nil, err
	}
	p.assign(c, l)
	if l.library == "" {
		return c, nil
	}
	if err := p.load(ctx, c, l); err != nil {
		return nil, err
	}
	p.spare(l)
	return c, nil
}

func decodeValue(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return value.Decode(raw)
}
