// Package mailtest gives tests a real mail server: Mailpit, which takes every
// mail and shows it through an API. It is built once from the tools module into
// the ignored bin folder.
package mailtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// version is part of the program's name, so that a newer pin builds anew. It
// stands in cmd/tools/go.mod too.
const version = "v1.27.11"

// Server is a running Mailpit.
type Server struct {
	Addr string // for SMTP: 127.0.0.1:1025

	api string
	t   testing.TB
}

// Mail is a mail that arrived.
type Mail struct {
	ID        string
	MessageID string
	Subject   string
	From      Address
	To        []Address
	Text      string
	HTML      string
}

// Address is a name and an address.
type Address struct{ Name, Address string }

// Start runs a mail server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("build Mailpit: %v", err)
	}
	// The ports are free when asked for and may be taken a moment later.
	for range 5 {
		s := &Server{Addr: freeAddr(t), t: t}
		s.api = freeAddr(t)
		if s.run(path) {
			return s
		}
	}
	t.Fatal("Mailpit does not start")
	return nil
}

func (s *Server) run(path string) bool {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--listen", s.api, "--smtp", s.Addr, "--disable-version-check",
		"--smtp-disable-rdns", "--enable-chaos", "--quiet", "--database", filepath.Join(s.t.TempDir(), "mails.db"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		cancel()
		s.t.Fatalf("start Mailpit: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed at the end, so always an error
	}()
	s.t.Cleanup(func() { cancel(); <-ended })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case <-ended:
			s.t.Logf("Mailpit ended: %s", out.String())
			return false
		case <-deadline:
			s.t.Fatalf("Mailpit does not answer: %s", out.String())
		case <-tick.C:
		}
		res, err := http.Get("http://" + s.api + "/readyz")
		if err != nil {
			continue
		}
		res.Body.Close()
		if c, err := net.Dial("tcp", s.Addr); err == nil && res.StatusCode == http.StatusOK {
			c.Close()
			return true
		}
	}
}

// Mails returns what arrived, the oldest first.
func (s *Server) Mails() []Mail {
	s.t.Helper()
	var list struct{ Messages []struct{ ID string } }
	s.get("/api/v1/messages?limit=500", &list)
	mails := make([]Mail, len(list.Messages))
	for i, m := range list.Messages {
		s.get("/api/v1/message/"+m.ID, &mails[len(mails)-1-i])
	}
	return mails
}

// Wait returns what arrived once that is at least n mails.
func (s *Server) Wait(n int) []Mail {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if mails := s.Mails(); len(mails) >= n {
			return mails
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%d mails did not arrive within 20 s", n)
		}
	}
}

// Refuse makes the server answer every recipient with an SMTP code, and take
// mails again with 0.
func (s *Server) Refuse(code int) {
	s.t.Helper()
	probability := 100
	if code == 0 {
		code, probability = 451, 0
	}
	body := fmt.Sprintf(`{"Recipient":{"ErrorCode":%d,"Probability":%d}}`, code, probability)
	req, err := http.NewRequest(http.MethodPut, "http://"+s.api+"/api/v1/chaos", bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		s.t.Fatalf("Mailpit: %s: %s", res.Status, text)
	}
}

func (s *Server) get(path string, into any) {
	s.t.Helper()
	res, err := http.Get("http://" + s.api + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		s.t.Fatalf("Mailpit %s: %v", path, err)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// program returns the path of the built Mailpit. One process builds, the others
// wait for it.
func program() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	bin := filepath.Join(root, "bin")
	path := filepath.Join(bin, "mailpit-"+version)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(bin, ".mailpit.lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close() // and unlock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	build := exec.Command("go", "build", "-o", path+".new", "github.com/axllent/mailpit")
	build.Dir = filepath.Join(root, "cmd", "tools")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, os.Rename(path+".new", path)
}
