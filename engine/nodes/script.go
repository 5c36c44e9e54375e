package nodes

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"alur/engine/expr"
	"alur/engine/lru"
	"alur/engine/node"
	"alur/engine/script"
)

var _ = node.Register[ScriptConfig](javaScript{})

// ScriptConfig is the settings of a JavaScript node (spec/nodes-extension.md §7).
type ScriptConfig struct {
	Content   string                 `json:"content"` // the body of an async function; no template
	Arguments listed[ScriptArgument] `json:"arguments"`
	Timeout   whole                  `json:"timeout"`  // ms, at most script.MaxTimeout; 0: script.DefaultTimeout
	Continue  flag                   `json:"continue"` // go on after an error
}

// ScriptArgument becomes a global variable of the script.
type ScriptArgument struct {
	Name  string        `json:"name"`
	Value expr.Template `json:"value"` // null when a variable has no value
}

var identifier = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*$`)

// reserved are names that JavaScript or the script's surroundings have taken.
var reserved = func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(`arguments await break case catch class console const continue debugger default
		delete do else enum eval export extends false finally for function globalThis if implements import in Infinity
		instanceof interface let NaN new null package private protected public require return static super switch this
		throw true try typeof undefined var void while with yield`) {
		words[word] = true
	}
	return words
}()

// Validate returns problems of an argument under its place: "arguments.0.name".
func (c ScriptConfig) Validate() node.Problems {
	p := node.Problems{}
	if len(c.Content) > script.MaxSource {
		p["content"] = fmt.Sprintf("Shorten the program: it has %d kB, and the most is %d kB. Another node can do a part of it.",
			(len(c.Content)+1023)>>10, script.MaxSource>>10)
	}
	names := map[string]bool{}
	for i, a := range c.Arguments {
		if text := argumentProblem(a.Name, names); text != "" {
			p[fmt.Sprintf("arguments.%d.name", i)] = text
		}
		names[a.Name] = true
	}
	if most := whole(script.MaxTimeout.Milliseconds()); c.Timeout < 0 || c.Timeout > most {
		p["timeout"] = fmt.Sprintf("Write a time of at most %d seconds, or nothing for %d seconds.",
			most/1000, script.DefaultTimeout.Milliseconds()/1000)
	}
	if len(p) == 0 {
		return nil
	}
	return p
}

func argumentProblem(name string, taken map[string]bool) string {
	switch {
	case name == "":
		return "Give this parameter a name."
	case !identifier.MatchString(name):
		return "Use letters, digits and _, with a letter first: the program reads the parameter by this name."
	case reserved[name]:
		return fmt.Sprintf("Choose another name: “%s” means something else in JavaScript.", name)
	case taken[name]:
		return fmt.Sprintf("Choose another name: there is a parameter “%s” already.", name)
	}
	return ""
}

// javaScript runs a program that people have written. The program sees its
// arguments and nothing else, so running it twice does no harm.
type javaScript struct{}

func (javaScript) Kind() string { return "script" }

func (javaScript) Effect() node.Effect { return node.Remote }

func (javaScript) Quoted() []string { return []string{"content"} }

func (javaScript) Run(ctx context.Context, s *node.Step, c ScriptConfig) (node.Outcome, error) {
	return c.run(ctx, s)
}

func (javaScript) Test(ctx context.Context, s *node.Step, c ScriptConfig) (node.Outcome, error) {
	return c.run(ctx, s)
}

func (c ScriptConfig) run(ctx context.Context, s *node.Step) (node.Outcome, error) {
	req := script.Request{Key: scriptKey(s), Source: c.Content, Timeout: time.Duration(c.Timeout) * time.Millisecond}
	input := make(map[string]any, len(c.Arguments))
	for _, a := range c.Arguments {
		v, err := a.Value.Eval(s.Vars)
		if err != nil {
			return node.Outcome{}, fmt.Errorf("fill in the argument %s: %w", a.Name, err)
		}
		v = expr.Clean(v)
		input[a.Name] = v
		req.Args = append(req.Args, script.Arg{Name: a.Name, Value: v})
	}
	s.Input = asInput(input)
	res, err := node.Use[*script.Pool](s.Services).Run(ctx, req)
	if e, ok := errors.AsType[*script.Error](err); ok {
		return c.failed(e), nil
	}
	if err != nil {
		return node.Outcome{}, err
	}
	out := node.Done(res.Value)
	out.Log = res.Log
	return out, nil
}

// scriptKey keeps processes apart: one serves one node of one version, or one
// test of a node that is nowhere.
func scriptKey(s *node.Step) string {
	if s.NodeID == 0 {
		return s.Key
	}
	return fmt.Sprintf("%d/%d", s.WorkflowID, s.NodeID)
}

// ScriptMeta is what is kept of a script's error besides its words.
type ScriptMeta struct {
	Line int `json:"line"` // of the program, from 1
}

func (c ScriptConfig) failed(e *script.Error) node.Outcome {
	out := node.Stop(node.Error, e.Message)
	if c.Continue {
		out.Status = node.Resolved
	}
	out.Log = e.Log
	if e.Line > 0 {
		out.Meta = ScriptMeta{c.line(e.Line)}
	}
	return out
}

// line is where the author sees an error at n: what is missing at the end is
// found missing behind it.
func (c ScriptConfig) line(n int) int {
	return min(n, strings.Count(strings.TrimRight(c.Content, "\n"), "\n")+1)
}

// Check asks for a program: an empty one may be saved and gives nothing.
func (javaScript) Check(c ScriptConfig, _ node.Catalogue) node.Problems {
	if strings.TrimSpace(c.Content) == "" {
		return node.Problems{"content": "Write a program."}
	}
	return nil
}

// Prove has the program read, not run.
func (javaScript) Prove(ctx context.Context, services *node.Services, c ScriptConfig) node.Problems {
	text := syntax.problem(ctx, node.Use[*script.Pool](services), c)
	if text == "" {
		return nil
	}
	return node.Problems{"content": text}
}

// proofTime is how long a page waits for a process that reads a program.
const proofTime = 2 * time.Second

// syntax remembers what is wrong with programs, by their hash: pages ask for
// every node that they show.
var syntax = proofs{known: lru.New[[sha256.Size]byte, string](1000)}

type proofs struct {
	mu    sync.Mutex
	known *lru.Cache[[sha256.Size]byte, string]
}

// problem is what keeps the program from being read; "" when nothing does, and
// when no process could be asked: the run will tell.
func (p *proofs) problem(ctx context.Context, pool *script.Pool, c ScriptConfig) string {
	key := sha256.Sum256([]byte(c.Content))
	p.mu.Lock()
	text, ok := p.known.Get(key)
	p.mu.Unlock()
	if ok {
		return text
	}
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	if ctx.Err() != nil {
		return ""
	}
	// The program is compiled as a whole and then left at its first statement,
	// so programs of different workflows may share the process.
	_, err := pool.Run(ctx, script.Request{Key: "syntax", Source: "return;" + c.Content})
	switch e, wrong := errors.AsType[*script.Error](err); {
	case err != nil && !wrong, wrong && (e.Limit == script.LimitTime || e.Limit == script.LimitSource):
		return ""
	case wrong && e.Line > strings.Count(c.Content, "\n")+1:
		text = "Correct the program. Its end is missing: close every bracket, every brace and every quote."
	case wrong && e.Line > 0:
		text = fmt.Sprintf("Correct the program. It cannot be read: %s (line %d).", e.Message, e.Line)
	case wrong:
		text = "Correct the program. It cannot be read: " + e.Message + "."
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.known.Get(key); !ok {
		p.known.Put(key, text)
	}
	return text
}
