package node

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"alur/engine/fault"
)

// Kind is a registered node type with its settings' type hidden.
type Kind struct {
	Name   string
	Effect Effect
	Waits  bool
	Reads  bool     // it changes nothing, see Reader
	Quoted []string // see Quoter
	People []string // see Asker

	settings reflect.Type
	decode   func(json.RawMessage) (Config, error)
	run      func(context.Context, *Step, Config) (Outcome, error)
	resume   func(context.Context, *Step, Config, Job) (Outcome, error)
	test     func(context.Context, *Step, Config) (Outcome, error)
	branches func(Config) []Branch
	prune    func(json.RawMessage, int) (json.RawMessage, error)
	outputs  func(Config, Catalogue) []Variable
	sample   func(Config, Catalogue) any
	check    func(Config, Catalogue) Problems
	prove    func(context.Context, *Services, Config) Problems

	scope        func(Config, Job) any
	scopeOutputs func(Config, Catalogue) []Variable
	knownLater   func(field, root string) bool
}

var kinds = map[string]*Kind{}

// Register adds a node type, as in
//
//	var _ = node.Register[DelayConfig](delay{})
//
// It panics when the kind is taken: two packages claim one name.
func Register[C Config](t Type[C]) *Kind {
	if kinds[t.Kind()] != nil {
		panic("node: kind registered twice: " + t.Kind())
	}
	k := &Kind{Name: t.Kind(), Effect: t.Effect(), settings: reflect.TypeFor[C]()}
	_, k.Waits = t.(Waiter)
	_, k.Reads = t.(Reader)
	if q, ok := t.(Quoter); ok {
		k.Quoted = q.Quoted()
	}
	if a, ok := t.(Asker); ok {
		k.People = a.People()
	}
	k.decode = func(raw json.RawMessage) (Config, error) {
		var c C
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &c); err != nil {
				return nil, err
			}
		}
		return c, nil
	}
	k.run = func(ctx context.Context, s *Step, c Config) (Outcome, error) { return t.Run(ctx, s, c.(C)) }
	if r, ok := t.(Resumer[C]); ok {
		k.resume = func(ctx context.Context, s *Step, c Config, j Job) (Outcome, error) {
			return r.Resume(ctx, s, c.(C), j)
		}
	}
	if r, ok := t.(Tester[C]); ok {
		k.test = func(ctx context.Context, s *Step, c Config) (Outcome, error) { return r.Test(ctx, s, c.(C)) }
	}
	if b, ok := t.(Brancher[C]); ok {
		k.branches = func(c Config) []Branch { return b.Branches(c.(C)) }
	}
	if p, ok := t.(Pruner); ok {
		k.prune = p.Prune
	}
	if d, ok := t.(Describer[C]); ok {
		k.outputs = func(c Config, cat Catalogue) []Variable { return d.Outputs(c.(C), cat) }
	}
	if d, ok := t.(Sampler[C]); ok {
		k.sample = func(c Config, cat Catalogue) any { return d.Sample(c.(C), cat) }
	}
	if d, ok := t.(Checker[C]); ok {
		k.check = func(c Config, cat Catalogue) Problems { return d.Check(c.(C), cat) }
	}
	if p, ok := t.(Prover[C]); ok {
		k.prove = func(ctx context.Context, s *Services, c Config) Problems { return p.Prove(ctx, s, c.(C)) }
	}
	if o, ok := t.(Scoper[C]); ok {
		k.scope = func(c Config, opener Job) any { return o.Scope(c.(C), opener) }
		k.scopeOutputs = func(c Config, cat Catalogue) []Variable { return o.ScopeOutputs(c.(C), cat) }
	}
	if p, ok := t.(Postponer); ok {
		k.knownLater = p.KnownLater
	}
	kinds[k.Name] = k
	return k
}

// Lookup returns the node type called name; nil when nobody registered it.
func Lookup(name string) *Kind { return kinds[name] }

// Kinds returns all node types by name.
func Kinds() []*Kind {
	return slices.SortedFunc(maps.Values(kinds), func(a, b *Kind) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// Run runs a node of this kind with settings from Decode.
func (k *Kind) Run(ctx context.Context, s *Step, c Config) (Outcome, error) { return k.run(ctx, s, c) }

// Resume continues after an answer to a waiting job.
func (k *Kind) Resume(ctx context.Context, s *Step, c Config, answered Job) (Outcome, error) {
	if k.resume == nil {
		return Outcome{Status: answered.Status, Result: answered.Result}, nil
	}
	return k.resume(ctx, s, c, answered)
}

// Test tries settings without an execution; Invalid when the kind has no test.
func (k *Kind) Test(ctx context.Context, s *Step, c Config) (Outcome, error) {
	if k.test == nil {
		return Outcome{}, fault.New(fault.Invalid, "Nodes of this type cannot be tested on their own.")
	}
	return k.test(ctx, s, c)
}

// Testable reports whether Test works.
func (k *Kind) Testable() bool { return k.test != nil }

// Branches lists the branches of a node; nil for kinds without.
func (k *Kind) Branches(c Config) []Branch {
	if k.branches == nil {
		return nil
	}
	return k.branches(c)
}

// Prune takes a branch out of settings; see [Pruner]. It is Invalid for kinds whose
// branches are always the same.
func (k *Kind) Prune(config json.RawMessage, branch int) (json.RawMessage, error) {
	if k.prune == nil {
		return nil, fault.New(fault.Invalid, "The branches of this node belong to it. Delete the nodes in them instead.")
	}
	return k.prune(config, branch)
}

// Branching reports whether nodes of this kind can have branches.
func (k *Kind) Branching() bool { return k.branches != nil }

// Outputs describes the result.
func (k *Kind) Outputs(c Config, cat Catalogue) []Variable {
	if k.outputs == nil {
		return []Variable{{Title: "Result"}}
	}
	return k.outputs(c, cat)
}

// Sample is an example of a result, a JSON value; nil for kinds without a result.
func (k *Kind) Sample(c Config, cat Catalogue) any {
	if k.sample == nil {
		return Sample(k.Outputs(c, cat))
	}
	return k.sample(c, cat)
}

// Check returns what is wrong with c in the light of the catalogue, Validate
// included.
func (k *Kind) Check(c Config, cat Catalogue) Problems {
	p := Problems{}
	if k.check != nil {
		maps.Copy(p, k.check(c, cat))
	}
	maps.Copy(p, c.Validate())
	if len(p) == 0 {
		return nil
	}
	return p
}

// Prove returns what an interpreter finds wrong with settings that [Kind.Check]
// has no problem with.
func (k *Kind) Prove(ctx context.Context, s *Services, c Config) Problems {
	if k.prove == nil {
		return nil
	}
	return k.prove(ctx, s, c)
}

// Services holds what nodes need beyond the contract, by type: the record
// store, the task store, or something of a company's own.
type Services struct{ m map[reflect.Type]any }

// Provide adds a service under its static type.
func Provide[T any](s *Services, v T) {
	if s.m == nil {
		s.m = map[reflect.Type]any{}
	}
	s.m[reflect.TypeFor[T]()] = v
}

// Use returns the service of type T, and panics when nobody provided one.
func Use[T any](s *Services) T {
	v, ok := s.m[reflect.TypeFor[T]()].(T)
	if !ok {
		panic("node: no service of type " + reflect.TypeFor[T]().String())
	}
	return v
}
