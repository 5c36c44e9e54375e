package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// Mask stands where a secret stood.
const Mask = "••••••"

// shortest is the least number of characters of a secret.
const shortest = 4

// Values are all variables at one time; they never change. nil has none.
type Values struct {
	root map[string]any
	hide *strings.Replacer // nil: there are no secrets
}

func newValues(plain map[string]string, secrets map[string]string) *Values {
	v := &Values{root: make(map[string]any, len(plain)+len(secrets))}
	for name, text := range plain {
		v.root[name] = text
	}
	var forms []string
	for name, text := range secrets {
		v.root[name] = text
		quoted, _ := json.Marshal(text) // of a string, never fails
		var plain bytes.Buffer
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		_ = e.Encode(text)
		forms = append(forms, text, string(quoted[1:len(quoted)-1]), strings.Trim(plain.String(), "\"\n"), url.QueryEscape(text), url.PathEscape(text))
	}
	if len(forms) == 0 {
		return v
	}
	// A secret that is part of another one must not hide half of that.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, Mask)
	}
	v.hide = strings.NewReplacer(pairs...)
	return v
}

// Root is what $env stands for in templates: the values by name. Do not change it.
func (v *Values) Root() map[string]any {
	if v == nil {
		return nil
	}
	return v.root
}

// Text is s without secrets.
func (v *Values) Text(s string) string {
	if v == nil || v.hide == nil {
		return s
	}
	return v.hide.Replace(s)
}

// JSON is a JSON value without secrets, in keys too. What holds none is returned
// as it is, and nothing is changed in place.
func (v *Values) JSON(value any) any {
	if v == nil || v.hide == nil {
		return value
	}
	out, _ := v.masked(value)
	return out
}

func (v *Values) masked(value any) (out any, changed bool) {
	switch x := value.(type) {
	case string:
		s := v.hide.Replace(x)
		return s, s != x
	case []any:
		var copied []any
		for i, e := range x {
			m, c := v.masked(e)
			if c && copied == nil {
				copied = slices.Clone(x)
			}
			if c {
				copied[i] = m
			}
		}
		if copied == nil {
			return x, false
		}
		return copied, true
	case map[string]any:
		copied := make(map[string]any, len(x))
		for k, e := range x {
			key := v.hide.Replace(k)
			m, c := v.masked(e)
			copied[key], changed = m, changed || c || key != k
		}
		if !changed {
			return x, false
		}
		return copied, true
	}
	return value, false
}

// handler masks a log.
type handler struct {
	slog.Handler
	store *Store
}

// Handler passes log lines on to next without the secrets that this process has
// read.
func (s *Store) Handler(next slog.Handler) slog.Handler { return handler{next, s} }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	v := h.store.known()
	if v == nil || v.hide == nil {
		return h.Handler.Handle(ctx, r)
	}
	clean := slog.NewRecord(r.Time, r.Level, v.Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(maskAttr(v, a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func maskAttr(v *Values, a slog.Attr) slog.Attr {
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, v.Text(value.String()))
	case slog.KindAny: // an error, or what prints as text
		return slog.String(a.Key, v.Text(value.String()))
	case slog.KindGroup:
		attrs := value.Group()
		masked := make([]slog.Attr, len(attrs))
		for i := range attrs {
			masked[i] = maskAttr(v, attrs[i])
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(masked...)}
	}
	return a
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.store}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.store}
}
