package nodes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[ShipConfig](ship{})

// ShipConfig is the settings of a node that orders a parcel at a carrier.
type ShipConfig struct {
	URL     string        `json:"url"`
	Address expr.Template `json:"address"`
}

// Validate wants an address on the web and one on the parcel.
func (c ShipConfig) Validate() node.Problems {
	p := node.Problems{}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		p["url"] = "Enter the address of the carrier, with http:// or https:// in front."
	}
	if c.Address.IsZero() {
		p["address"] = "Enter where the parcel goes, or choose a variable."
	}
	return p
}

// ship is remote: it runs outside of any transaction, and after a crash it runs
// again, always with the same key. A carrier that honors the key sends one parcel.
type ship struct{}

func (ship) Kind() string        { return "acme-ship" }
func (ship) Effect() node.Effect { return node.Remote }

const (
	tries = 3
	pause = 200 * time.Millisecond // before the second try, and twice as long before the third
)

func (ship) Run(ctx context.Context, s *node.Step, c ShipConfig) (node.Outcome, error) {
	v, err := c.Address.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"address": v}
	body, err := json.Marshal(map[string]any{"address": expr.Clean(v)})
	if err != nil {
		return node.Outcome{}, err
	}
	for try := 1; ; try++ {
		out, again, err := order(ctx, c.URL, s.Key, body)
		switch {
		case ctx.Err() != nil: // cancelled, out of time, or the server stops
			return node.Outcome{}, ctx.Err()
		case !again:
			return out, err
		case try == tries:
			return node.Outcome{}, fmt.Errorf("the carrier cannot take orders now (%w). Run the execution again later", err)
		}
		select {
		case <-time.After(pause << (try - 1)):
		case <-ctx.Done():
			return node.Outcome{}, ctx.Err()
		}
	}
}

// order asks once. again says that the same may go well in a moment: nobody
// answered, or the carrier is busy or broken. What it refuses it will refuse again.
func order(ctx context.Context, to, key string, body []byte) (out node.Outcome, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return out, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, true, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 10_000))
	if err != nil {
		return out, true, err
	}
	switch {
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return out, true, errors.New(res.Status)
	case res.StatusCode >= 300:
		why := "The carrier refuses this order: " + strings.TrimSpace(string(text))
		return node.Stop(node.Failed, map[string]any{"message": why}), false, nil
	}
	var answer struct {
		Parcel string `json:"parcel"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Parcel == "" {
		return out, false, errors.New("the carrier's answer names no parcel")
	}
	return node.Done(map[string]any{"parcel": answer.Parcel}), false, nil
}

func (ship) Outputs(ShipConfig, node.Catalogue) []node.Variable {
	return []node.Variable{{Path: "parcel", Title: "Parcel number", Type: "string"}}
}
