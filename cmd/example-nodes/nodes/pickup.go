package nodes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"alur/engine"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
)

var _ = node.Register[PickupConfig](pickup{})

// PickupConfig is the settings of a node that waits until a courier has picked up.
type PickupConfig struct {
	Refused string `json:"refused"` // what happens when the courier refuses: "branch", or "" to end
}

// Validate knows two ways.
func (c PickupConfig) Validate() node.Problems {
	if c.Refused != "" && c.Refused != "branch" {
		return node.Problems{"refused": "Choose what happens when the courier refuses."}
	}
	return nil
}

// pickup hands out a link and waits until somebody outside has answered there. The
// pause is a row in the database: it costs nothing and survives restarts.
type pickup struct{}

func (pickup) Kind() string        { return "acme-pickup" }
func (pickup) Effect() node.Effect { return node.Local } // the row of the link
func (pickup) Waits()              {}                    // keeps it out of synchronous workflows

// refusedBranch is for parcels that the courier did not take.
const refusedBranch = 1

// Branches are the ways out of the node: the editor draws them, and offers them when
// the node is added above others.
func (pickup) Branches(c PickupConfig) []node.Branch {
	if c.Refused != "branch" {
		return nil
	}
	return []node.Branch{{Index: refusedBranch, Label: "Refused"}}
}

func (pickup) Run(ctx context.Context, s *node.Step, _ PickupConfig) (node.Outcome, error) {
	key := rand.Text()
	hash := sha256.Sum256([]byte(key)) // who reads the database can follow no link
	_, err := s.Tx.ExecContext(ctx, `INSERT INTO acme.pickups (key, execution_id, job_id) VALUES ($1, $2, $3)`,
		hash[:], s.ExecutionID, s.JobID)
	if err != nil {
		return node.Outcome{}, fmt.Errorf("store the link: %w", err)
	}
	out := node.Wait()
	out.Result = map[string]any{"link": "/pickup/" + key}
	return out, nil
}

// Resume is called once the job was answered. Without it an answer with status
// Resolved goes on, and every other one ends the branch.
func (pickup) Resume(_ context.Context, _ *node.Step, c PickupConfig, answered node.Job) (node.Outcome, error) {
	if answered.Status != node.Resolved && c.Refused == "branch" {
		return node.Enter(refusedBranch, answered.Result), nil
	}
	return node.Outcome{Status: answered.Status, Result: answered.Result}, nil
}

func (pickup) Outputs(PickupConfig, node.Catalogue) []node.Variable {
	return []node.Variable{{Path: "courier", Title: "Courier", Type: "string"}}
}

// answerPickups is where couriers answer: POST /pickup/KEY with courier=NAME, and
// refused=true when it was not taken. It runs beside the server, on an address of
// its own (ACME_LISTEN; without it nobody answers here).
func answerPickups(ctx context.Context, e *engine.Engine) error {
	address := os.Getenv("ACME_LISTEN")
	if address == "" {
		return nil
	}
	pages := http.NewServeMux()
	pages.HandleFunc("POST /pickup/{key}", func(w http.ResponseWriter, r *http.Request) {
		status := node.Resolved
		if r.FormValue("refused") == "true" {
			status = node.Rejected
		}
		err := answerPickup(r.Context(), e, r.PathValue("key"), status, r.FormValue("courier"))
		switch f, _ := errors.AsType[*fault.Error](err); {
		case err == nil:
			fmt.Fprintln(w, "Thank you.")
		case f != nil:
			http.Error(w, f.Msg, http.StatusGone)
		default:
			e.Log.ErrorContext(r.Context(), "pickup not answered", "err", err)
			http.Error(w, "Please try again in a moment.", http.StatusInternalServerError)
		}
	})
	server := &http.Server{Addr: address, Handler: pages}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answerPickup uses the link up and wakes its execution, both or neither.
func answerPickup(ctx context.Context, e *engine.Engine, key string, status node.Status, courier string) error {
	result, err := json.Marshal(map[string]any{"courier": courier})
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(key))
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		var waits []struct {
			Execution int64 `db:"execution_id"`
			Job       int64 `db:"job_id"`
		}
		err := tx.SelectContext(ctx, &waits, `DELETE FROM acme.pickups WHERE key = $1 RETURNING execution_id, job_id`, hash[:])
		if err != nil {
			return err
		}
		if len(waits) == 0 {
			return fault.New(fault.Gone, "This link has been used already.")
		}
		return queue.Answer(ctx, tx, waits[0].Execution, waits[0].Job, int(status), result, e.Now())
	})
}
