// Package outside holds node types of a company's own, for tests: a step that
// acts on another system, and one that waits for a time.
package outside

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"alur/engine/node"
)

var (
	_ = node.Register[CallConfig](call{})
	_ = node.Register[PauseConfig](pause{})
)

// Call is what another system receives.
type Call struct {
	Execution int64  `json:"execution"`
	Node      string `json:"node"` // its key
}

// CallConfig is the settings of a step that tells another system.
type CallConfig struct {
	URL string `json:"url"`
}

func (c CallConfig) Validate() node.Problems {
	if c.URL == "" {
		return node.Problems{"url": "Enter the address to call."}
	}
	return nil
}

type call struct{}

func (call) Kind() string        { return "test_remote" }
func (call) Effect() node.Effect { return node.Remote }

func (call) Run(ctx context.Context, s *node.Step, c CallConfig) (node.Outcome, error) {
	body, err := json.Marshal(Call{s.ExecutionID, s.NodeKey})
	if err != nil {
		return node.Outcome{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return node.Outcome{}, err
	}
	req.Header.Set("Idempotency-Key", s.Key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return node.Outcome{}, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1000))
	if err != nil {
		return node.Outcome{}, err
	}
	if res.StatusCode != http.StatusOK {
		return node.Outcome{}, fmt.Errorf("the other system answers %s", res.Status)
	}
	return node.Done(string(answer)), nil
}

// PauseConfig is the settings of a step that waits for a time.
type PauseConfig struct {
	Milliseconds int64 `json:"milliseconds"`
}

func (PauseConfig) Validate() node.Problems { return nil }

type pause struct{}

func (pause) Kind() string        { return "test_pause" }
func (pause) Effect() node.Effect { return node.Pure }
func (pause) Waits()              {}

func (pause) Run(_ context.Context, s *node.Step, c PauseConfig) (node.Outcome, error) {
	return node.WaitUntil(s.Now.Add(time.Duration(c.Milliseconds)*time.Millisecond), node.Resolved), nil
}
