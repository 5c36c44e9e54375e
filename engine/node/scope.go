package node

// Scoper is a Brancher that gives the nodes in its branches variables of their own,
// such as the item of a round (spec/variables.md §3). They stand below
// $scopes.<key> and below $scopes.<id>, for all nodes in the branches at any depth.
type Scoper[C Config] interface {
	// Scope returns the value; opener is the latest job of the node, which runs or
	// has chosen its branch.
	Scope(c C, opener Job) any
	// ScopeOutputs lists what it has, as Outputs does for a result.
	ScopeOutputs(c C, cat Catalogue) []Variable
}

// Postponer is a Type with settings that are filled in after Run, by somebody who
// knows more then, such as who decides a task.
type Postponer interface {
	// KnownLater reports whether the variables of root ("$user") have a value for the
	// setting at field by then.
	KnownLater(field, root string) bool
}

// Scoped reports whether nodes of this kind have variables for those in their
// branches.
func (k *Kind) Scoped() bool { return k.scope != nil }

// Scope is the value of $scopes.<key> in the branches of a node; nil for kinds that
// are not Scoped.
func (k *Kind) Scope(c Config, opener Job) any {
	if k.scope == nil {
		return nil
	}
	return k.scope(c, opener)
}

// ScopeOutputs describes Scope.
func (k *Kind) ScopeOutputs(c Config, cat Catalogue) []Variable {
	if k.scopeOutputs == nil {
		return nil
	}
	return k.scopeOutputs(c, cat)
}

// KnownLater reports whether a root that a running node does not have is known when
// the setting at field is filled in; see [Postponer].
func (k *Kind) KnownLater(field, root string) bool {
	return k.knownLater != nil && k.knownLater(field, root)
}
