package script

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Parent and child exchange frames: four bytes of length, then JSON. A child
// answers each request with one response, in order; its first frame is a
// response too and says that it is ready.

// maxFrame bounds a frame in either direction: a list of 100,000 records may be
// part of a calculation, and no answer can make the server run out of memory.
const maxFrame = 16 << 20

// What a request asks for.
const (
	doScript  = "script"  // run a script
	doLoad    = "load"    // load a library
	doCompile = "compile" // find out whether the library can read an expression
	doEval    = "eval"    // work an expression out
)

// request is what the parent sends.
type request struct {
	Do      string          `json:"do"`
	Library string          `json:"library,omitempty"` // of an expression
	Source  *string         `json:"source,omitempty"`  // nil: the source of the request before
	Params  int             `json:"params,omitempty"`  // of an expression: $$0, $$1, …
	Names   []string        `json:"names,omitempty"`   // of a script's arguments
	Args    json.RawMessage `json:"args,omitempty"`    // a list
	Timeout int64           `json:"timeout,omitempty"` // of a script, in milliseconds
}

// response is what a child answers.
type response struct {
	Value    json.RawMessage `json:"value,omitempty"` // not there: null
	Returned bool            `json:"returned,omitempty"`
	Log      string          `json:"log,omitempty"`
	Error    *problem        `json:"error,omitempty"`
	Retire   bool            `json:"retire,omitempty"` // the child is used up
}

// problem is an [Error] on its way.
type problem struct {
	Message string `json:"message"`
	Limit   string `json:"limit,omitempty"`
	Line    int    `json:"line,omitempty"`
}

var errFrame = fmt.Errorf("a frame has more than %d MB", maxFrame>>20)

// newFrame returns v as a frame.
func newFrame(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(text) > maxFrame {
		return nil, errFrame
	}
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text))), text...), nil
}

// readFrame reads the JSON of one frame. The error is io.EOF when there is none.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, errFrame
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return text, nil
}

// decodeResponse reads what a child answered.
func decodeResponse(text []byte) (response, error) {
	var res response
	if err := json.Unmarshal(text, &res); err != nil {
		return response{}, fmt.Errorf("read a child's answer: %w", err)
	}
	if err := checkDepth(res.Value, maxFrameDepth); err != nil {
		return response{}, err
	}
	return res, nil
}

// maxFrameDepth bounds the values that the parent reads, whoever made them.
const maxFrameDepth = 10_000

var errDepth = errors.New("the value is nested too deeply")

// checkDepth counts the lists and objects that stand in one another in a JSON
// text.
func checkDepth(text []byte, most int) error {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			if depth++; depth > most {
				return errDepth
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}
