package secret_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/secret"
)

func box(t *testing.T, keys ...string) *secret.Box {
	t.Helper()
	var before [][]byte
	for _, k := range keys[1:] {
		before = append(before, []byte(k))
	}
	b, err := secret.NewBox([]byte(keys[0]), before...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBox(t *testing.T) {
	t.Parallel()
	b := box(t, "first key")
	sealed := b.Seal("TOKEN", "sesame")
	if bytes.Contains(sealed, []byte("sesame")) || bytes.Equal(sealed, b.Seal("TOKEN", "sesame")) {
		t.Error("the seal shows its text, or is the same twice")
	}
	if got, old, err := b.Open("TOKEN", sealed); got != "sesame" || old || err != nil {
		t.Errorf("opened: %q, old %v, %v", got, old, err)
	}
	if got, old, err := box(t, "second key", "", "first key").Open("TOKEN", sealed); got != "sesame" || !old || err != nil {
		t.Errorf("opened with a former key: %q, old %v, %v", got, old, err)
	}
	if _, _, err := box(t, "second key").Open("TOKEN", sealed); !errors.Is(err, secret.ErrKey) {
		t.Errorf("without its key: %v", err)
	}
	if _, _, err := b.Open("OTHER", sealed); err == nil {
		t.Error("it opens under another name")
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if got, _, err := b.Open("TOKEN", broken); err == nil {
			t.Errorf("with byte %d changed it opens as %q", i, got)
		}
	}
	for _, short := range [][]byte{nil, {1}, sealed[:10]} {
		if _, _, err := b.Open("TOKEN", short); err == nil {
			t.Errorf("%d bytes open", len(short))
		}
	}
	if _, err := secret.NewBox(nil, []byte("x")); err == nil {
		t.Error("there is a box without a key")
	}
}

type world struct {
	t *testing.T
	*secret.Store
	db  *pg.DB
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t), now: time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)}
	w.Store = w.process("the key")
	return w
}

// process is another process on the same database.
func (w *world) process(keys ...string) *secret.Store {
	return &secret.Store{DB: w.db, Now: func() time.Time { return w.now }, Box: box(w.t, keys...)}
}

func (w *world) make(name string, kind secret.Kind, value string) {
	w.t.Helper()
	if err := w.Create(w.t.Context(), auth.System, name, kind, value); err != nil {
		w.t.Fatalf("make %s: %v", name, err)
	}
}

func (w *world) values(s *secret.Store) *secret.Values {
	w.t.Helper()
	v, err := s.Values(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	other := w.process("the key")
	if got := w.values(other).Root(); len(got) != 0 {
		t.Errorf("at first there is %v", got)
	}
	w.make("SHOP_URL", secret.Plain, "https://shop.example.com")
	w.make("SHOP_TOKEN", secret.Hidden, "open sesame")
	want := map[string]any{"SHOP_URL": "https://shop.example.com", "SHOP_TOKEN": "open sesame"}
	if got := w.values(w.Store).Root(); !reflect.DeepEqual(got, want) {
		t.Errorf("values are %v", got)
	}
	if got := w.values(other).Root(); len(got) != 0 {
		t.Errorf("within two seconds another process asks nobody, and knows %v", got)
	}
	w.now = w.now.Add(2 * time.Second)
	if got := w.values(other).Root(); !reflect.DeepEqual(got, want) {
		t.Errorf("the other process knows %v", got)
	}
	list, err := w.List(ctx, auth.System)
	if err != nil || len(list) != 2 || list[0].Name != "SHOP_TOKEN" || list[0].Value != "" || list[1].Value != "https://shop.example.com" {
		t.Errorf("list: %v, %v", list, err)
	}

	// A secret stays one, unless its value is written anew.
	plain, value := secret.Plain, "in the open"
	err = w.Update(ctx, auth.System, "SHOP_TOKEN", secret.Change{Kind: &plain})
	if f, _ := errors.AsType[*fault.Error](err); f == nil || f.Fields["value"] == "" {
		t.Errorf("a secret becomes readable: %v", err)
	}
	hidden := secret.Hidden
	if err := w.Update(ctx, auth.System, "SHOP_TOKEN", secret.Change{Kind: &hidden}); err != nil {
		t.Errorf("nothing changed: %v", err)
	}
	if got := w.values(w.Store).Root()["SHOP_TOKEN"]; got != "open sesame" {
		t.Errorf("the secret is %v", got)
	}
	if err := w.Update(ctx, auth.System, "SHOP_TOKEN", secret.Change{Kind: &plain, Value: &value}); err != nil {
		t.Error(err)
	}
	if v, err := w.Get(ctx, auth.System, "SHOP_TOKEN"); err != nil || v.Value != value || v.Kind != secret.Plain {
		t.Errorf("written anew: %v, %v", v, err)
	}
	if err := w.Delete(ctx, auth.System, "SHOP_URL"); err != nil {
		t.Error(err)
	}
	if got := w.values(w.Store).Root(); len(got) != 1 {
		t.Errorf("after one was deleted there is %v", got)
	}
	for what, err := range map[string]error{
		"delete": w.Delete(ctx, auth.System, "SHOP_URL"), "update": w.Update(ctx, auth.System, "SHOP_URL", secret.Change{}),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of what is gone: %v", what, err)
		}
	}
	var lines []string
	if err := w.db.SelectContext(ctx, &lines, "SELECT text FROM alur.audit_log WHERE kind = $1 ORDER BY id", audit.Variables); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines, " "); got != "Made the variable SHOP_URL. Made the secret SHOP_TOKEN. Changed the secret SHOP_TOKEN. Changed the variable SHOP_TOKEN. Deleted the variable SHOP_URL." {
		t.Errorf("the audit log says %s", got)
	}
}

func TestVariableProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make("TAKEN", secret.Plain, "x")
	for _, tc := range []struct {
		name  string
		kind  secret.Kind
		value string
		field string
	}{
		{"", secret.Plain, "x", "name"}, {"1ST", secret.Plain, "x", "name"}, {"a-b", secret.Plain, "x", "name"}, {"a.b", secret.Plain, "x", "name"},
		{"Ä", secret.Plain, "x", "name"}, {strings.Repeat("a", 101), secret.Plain, "x", "name"}, {"TAKEN", secret.Plain, "y", "name"},
		{"OK", "", "x", "type"}, {"OK", "hidden", "x", "type"},
		{"OK", secret.Plain, "", "value"}, {"OK", secret.Hidden, "abc", "value"}, {"OK", secret.Plain, strings.Repeat("x", 32<<10+1), "value"},
		{"OK", secret.Plain, "a\x00b", "value"}, {"OK", secret.Plain, "a\xffb", "value"},
	} {
		err := w.Create(t.Context(), auth.System, tc.name, tc.kind, tc.value)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Fields[tc.field] == "" || len(f.Fields) != 1 {
			t.Errorf("%q %q %.10q: %v, want a problem with %s", tc.name, tc.kind, tc.value, err, tc.field)
		}
	}
	w.make("ONE", secret.Plain, strings.Repeat("x", 32<<10))
	w.make("TWO", secret.Hidden, "äöüß") // four characters
	nobody := auth.Actor{}
	for what, err := range map[string]error{
		"create": w.Create(t.Context(), nobody, "A", secret.Plain, "x"), "update": w.Update(t.Context(), nobody, "ONE", secret.Change{}),
		"delete": w.Delete(t.Context(), nobody, "ONE"), "list": func() error { _, err := w.List(t.Context(), nobody); return err }(),
		"import": func() error { _, err := w.Import(t.Context(), nobody, secret.Plain, "A=b"); return err }(),
		"uses":   func() error { _, err := w.Uses(t.Context(), nobody, "ONE"); return err }(),
	} {
		if err == nil {
			t.Errorf("%s without the right", what)
		}
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make("B", secret.Plain, "before")
	n, err := w.Import(t.Context(), auth.System, secret.Plain, "# a comment\n\nA=1\r\nexport B = \"x = y\" \nC='#no comment'\nD=a b")
	if n != 4 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got, want := w.values(w.Store).Root(), (map[string]any{"A": "1", "B": "x = y", "C": "#no comment", "D": "a b"}); !reflect.DeepEqual(got, want) {
		t.Errorf("imported %v", got)
	}
	for text, want := range map[string]string{
		"":                                "Write at least one line",
		"# only":                          "Write at least one line",
		"E=1\nF":                          "Line 2: write KEY=VALUE",
		"E=1\nF=":                         "Line 2: there is no value after F=",
		"E=1\nE=2":                        "Line 2: E is there twice",
		"E=1\n2F=3":                       "2F: ",
		"E=" + strings.Repeat("x", 1<<20): "at most 1024 kB",
	} {
		_, err := w.Import(t.Context(), auth.System, secret.Plain, text)
		if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Fields["text"], want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	if _, there := w.values(w.Store).Root()["E"]; there {
		t.Error("half of a refused import was taken")
	}
	if _, err := w.db.ExecContext(t.Context(), `INSERT INTO alur.environment_variables (name, value, created_at, updated_at) SELECT 'V' || n, 'x', now(), now() FROM generate_series(1, 996) n`); err != nil {
		t.Fatal(err)
	}
	err = w.Create(t.Context(), auth.System, "MORE", secret.Plain, "x")
	if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Fields["name"], "1000") {
		t.Errorf("the 1001st: %v", err)
	}
	if _, err := w.Import(t.Context(), auth.System, secret.Plain, "V1=y"); err != nil {
		t.Errorf("changing one of the 1000: %v", err)
	}
}

func TestKeyChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make("TOKEN", secret.Hidden, "open sesame")
	w.make("URL", secret.Plain, "x")
	if _, err := w.process("another key").Values(t.Context()); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "TOKEN") {
		t.Errorf("without the key: %v, want an error that names the secret", err)
	}
	both := w.process("another key", "the key")
	if got := w.values(both).Root()["TOKEN"]; got != "open sesame" {
		t.Errorf("with both keys: %v", got)
	}
	if n, err := both.Reseal(t.Context()); n != 1 || err != nil {
		t.Errorf("sealed anew: %d, %v", n, err)
	}
	if n, err := both.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
	if got := w.values(w.process("another key")).Root()["TOKEN"]; got != "open sesame" {
		t.Errorf("with the new key alone: %v", got)
	}
	if n, err := w.process("a third key").Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("what does not open: %d, %v", n, err)
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make("A", secret.Hidden, `se"same & co`)
	w.make("B", secret.Hidden, "sesame")
	w.make("C", secret.Hidden, "sesame and more")
	w.make("D", secret.Plain, "plain text")
	v := w.values(w.Store)
	for in, want := range map[string]string{
		"":                                  "",
		"nothing":                           "nothing",
		"plain text":                        "plain text",
		"Bearer sesame.":                    "Bearer " + secret.Mask + ".",
		"sesame and more":                   secret.Mask,
		`x se"same & co y`:                  "x " + secret.Mask + " y",
		`{"a":"se\"same & co"}`:             `{"a":"` + secret.Mask + `"}`,
		`{"a":"se\"same \u0026 co"}`:        `{"a":"` + secret.Mask + `"}`,
		"https://x/?q=se%22same+%26+co&r=1": "https://x/?q=" + secret.Mask + "&r=1",
		"https://x/se%22same%20&%20co":      "https://x/" + secret.Mask,
	} {
		if got := v.Text(in); got != want {
			t.Errorf("%q is masked as %q, want %q", in, got, want)
		}
	}
	in := map[string]any{"a": []any{"x", "my sesame", 1.5, nil}, "sesame": true, "b": map[string]any{"c": "d"}}
	want := map[string]any{"a": []any{"x", "my " + secret.Mask, 1.5, nil}, secret.Mask: true, "b": map[string]any{"c": "d"}}
	before := fmt.Sprint(in)
	if got := v.JSON(in); !reflect.DeepEqual(got, want) {
		t.Errorf("masked: %v", got)
	}
	if after := fmt.Sprint(in); after != before {
		t.Errorf("masking changed %s to %s", before, after)
	}
	same := []any{"x", map[string]any{"y": "z"}}
	if got := v.JSON(same).([]any); &got[0] != &same[0] {
		t.Error("what holds no secret was copied")
	}
	var none *secret.Values
	if none.Text("sesame") != "sesame" || none.JSON("sesame") != "sesame" || none.Root() != nil {
		t.Error("no values mask something")
	}

	var log bytes.Buffer
	logger := slog.New(w.Handler(slog.NewTextHandler(&log, nil))).With("fixed", "y").WithGroup("g")
	logger.Info("got sesame", "err", fmt.Errorf("bad token sesame"), "n", 7, slog.Group("h", "k", "sesame"), "list", []string{"sesame"})
	if got := log.String(); strings.Contains(got, "sesame") || strings.Count(got, secret.Mask) != 4 || !strings.Contains(got, "g.n=7") || !strings.Contains(got, "fixed=y") {
		t.Errorf("logged: %s", got)
	}
}
