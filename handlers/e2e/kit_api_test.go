package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// program is a client of the JSON API, signed in.
type program struct {
	server *server
	token  string
}

// program signs a program in.
func (s *server) program(account, password string) *program {
	s.t.Helper()
	p := &program{server: s}
	var data struct{ Token string }
	p.call("auth:signIn", map[string]any{"account": account, "password": password}, &data)
	p.token = data.Token
	return p
}

// call posts values to an action and reads the data of the answer into data;
// nil reads nothing.
func (p *program) call(action string, values, data any) {
	t := p.server.t
	t.Helper()
	body, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.server.URL+"/api/"+action, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	p.send(req, data)
}

// get reads from an action: "orders:list?sort=-id".
func (p *program) get(action string, data any) {
	t := p.server.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.server.URL+"/api/"+action, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	p.send(req, data)
}

func (p *program) send(req *http.Request, data any) {
	t := p.server.t
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d: %s", strings.TrimPrefix(req.URL.Path, "/api/"), res.StatusCode, text)
	}
	if data == nil {
		return
	}
	answer := struct{ Data any }{data}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s answers %s: %v", req.URL.Path, text, err)
	}
}

// status is what an action answers to a program that posts nothing.
func (p *program) status(action string) int {
	t := p.server.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.server.URL+"/api/"+action, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
