package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	benchEmail    = "bench@example.test"
	benchPassword = "a long enough bench password"
)

// server is the real binary on the bench's database.
type server struct {
	cmd   *exec.Cmd
	url   string
	start time.Duration // from exec to the first page
}

func (b *bench) serve() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	s := &server{cmd: exec.Command(b.binary, "serve"), url: "http://" + address}
	s.cmd.Env = append(os.Environ(), "DATABASE_URL="+b.url, "LISTEN="+address, "SECRET_KEY="+strings.Repeat("0123456789abcdef", 4),
		"ADMIN_EMAIL="+benchEmail, "ADMIN_PASSWORD="+benchPassword)
	var out bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < 30*time.Second {
		if res, err := http.Get(s.url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				s.start = time.Since(began)
				return s, nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("the server did not start:\n%s", out.String())
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// rss is the server's resident memory in MB.
func (s *server) rss() float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(raw))[1])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// client is one API client, signed in.
type client struct {
	http   *http.Client
	url    string
	token  string
	cookie string // of a browser, instead of a token
}

func (s *server) signIn() (*client, error) {
	c := &client{url: s.url, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}}
	var answer struct {
		Data struct{ Token string }
	}
	err := c.call("POST", "/api/auth:signIn", map[string]any{"account": benchEmail, "password": benchPassword}, &answer)
	c.token = answer.Data.Token
	return c, err
}

func (c *client) create(collection string, values map[string]any) error {
	return c.call("POST", "/api/"+collection+":create", values, nil)
}

func (c *client) call(method, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// delays are request times in milliseconds.
type delays []float64

func (d delays) percentile(p int) float64 {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)*p/100, len(d)-1)]
}

// clients runs fn in n clients for a while and returns how often, and how long
// each call took. All clients share one session, as one program would.
func (s *server) clients(n int, during time.Duration, fn func(c *client, n int) error) (int, delays, error) {
	first, err := s.signIn()
	if err != nil {
		return 0, nil, err
	}
	var count atomic.Int64
	var mu sync.Mutex
	var all delays
	var failure error
	var group sync.WaitGroup
	began := time.Now()
	for range n {
		c := &client{url: s.url, token: first.token, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}}
		group.Go(func() {
			var mine delays
			var err error
			for time.Since(began) < during && err == nil {
				start := time.Now()
				if err = fn(c, int(count.Load())); err == nil {
					count.Add(1)
					mine = append(mine, float64(time.Since(start).Microseconds())/1000)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			failure = errors.Join(failure, err)
		})
	}
	group.Wait()
	return int(count.Load()), all, failure
}

// idle measures a server that has nothing to do.
func (b *bench) idle() error {
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	b.result("start", "cold", s.start.Seconds(), "s", false)
	time.Sleep(2 * time.Second)
	b.result("rss", "idle", s.rss(), "MB", false)
	return nil
}
