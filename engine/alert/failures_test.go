package alert_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/secret"
)

// TestFailure: the first failure is told at once, what follows comes in one mail an
// hour later, and that it works again is told.
func TestFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.hire("Ann")
	if err := h.values.Create(t.Context(), auth.System, "SHOP_TOKEN", secret.Hidden, "a-token-of-the-shop"); err != nil {
		t.Fatal(err)
	}
	w := h.flow(ann, "Orders", "")
	h.ends(w, 1, 1, "")
	h.look()
	h.want("")
	h.ends(w, 1, -2, "The shop refused a-token-of-the-shop")
	h.look()
	h.want("ann: “Orders” failed at “Confirm order”")
	plain, rich := h.body()
	for _, text := range []string{"Confirm order", "The shop refused ••••••.", "https://alur.test/executions/", "/steps/", fmt.Sprintf("https://alur.test/workflows/%d/alerts", w.ID), "within 1 hour"} {
		if !strings.Contains(plain, text) || !strings.Contains(rich, text) {
			t.Errorf("%q is missing in\n%s", text, plain)
		}
	}
	if strings.Contains(plain+rich, "a-token-of-the-shop") {
		t.Errorf("the mail holds a secret:\n%s", plain)
	}

	for range 3 {
		h.ends(w, 4, -2, "It broke")
		h.look()
	}
	h.ends(w, 1, -1, "No stock")
	h.look()
	h.want("")
	h.advance(time.Hour)
	h.look()
	h.want("ann: “Orders” failed 13 times")
	plain, _ = h.body()
	for _, text := range []string{"12 times: “Confirm order” It broke.", "1 times: “Confirm order” No stock.", "Since: "} {
		if !strings.Contains(plain, text) {
			t.Errorf("%q is missing in\n%s", text, plain)
		}
	}
	h.look()
	h.want("")
	h.ends(w, 1, 1, "")
	h.look()
	h.want("ann: “Orders” works again")
	if plain, _ = h.body(); !strings.Contains(plain, "failed 14 times") {
		t.Errorf("it does not say how often it had failed:\n%s", plain)
	}
	h.ends(w, 1, 1, "")
	h.look()
	h.want("")
	h.ends(w, 1, -2, "It broke") // within the hour of the last mail about failures
	h.look()
	h.want("")
	h.advance(time.Hour)
	h.look()
	h.want("ann: “Orders” failed at “Confirm order”")
}

// TestRules is when the first mail comes.
func TestRules(t *testing.T) {
	t.Parallel()
	own := func(after, minutes int) string {
		return fmt.Sprintf(`{"alerts": {"mode": "own", "owner": true, "after": %d, "minutes": %d, "every": 60}}`, after, minutes)
	}
	for _, tc := range []struct {
		name, options string
		ends          []int          // one after the other
		between       time.Duration  //
		want          map[int]string // after how many of them there is which mail
	}{
		{"three in a row", own(3, 0), []int{-2, -2, -1}, time.Minute, map[int]string{3: "failed at “Confirm order” 3 times"}},
		{"a success ends a row", own(3, 0), []int{-2, -2, 1, -2, -2, -2}, time.Minute, map[int]string{6: "failed at “Confirm order” 3 times"}},
		{"what is rejected or cancelled does not", own(2, 0), []int{-2, -5, -3, -2}, time.Minute, map[int]string{4: "failed at “Confirm order” 2 times"}},
		{"three within ten minutes", own(3, 10), []int{-2, 1, -2, 1, -2}, time.Minute, map[int]string{5: "failed at “Confirm order” 3 times"}},
		{"three, but slower", own(3, 10), []int{-2, -2, -2, -2}, 6 * time.Minute, nil},
		{"rejected is not failed", own(1, 0), []int{-5, -3, -4}, time.Minute, nil},
		{"general failure", own(1, 0), []int{-6}, time.Minute, map[int]string{1: "failed at “Confirm order”"}},
		{"nobody wants to know", `{"alerts": {"mode": "none"}}`, []int{-2, -2, -2}, time.Minute, nil},
		{"by the rules of the server", `{"alerts": {"mode": "own", "after": -1}}`, []int{-2}, time.Minute, map[int]string{1: "failed at “Confirm order”"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			w := h.flow(h.hire("Ann"), "Orders", "")
			h.exec("UPDATE alur.workflows SET options = $1", tc.options) // as the API of before took it
			for i, status := range tc.ends {
				h.ends(w, 1, status, "It broke")
				h.look()
				want := tc.want[i+1]
				if want != "" {
					want = "ann: “Orders” " + want
				}
				if got := h.mails(); got != want {
					t.Fatalf("after %d: mails %q, want %q", i+1, got, want)
				}
				h.advance(tc.between)
			}
		})
	}
}

// TestTimeoutIsFailure: what ran out of time is told, what a person cancelled or
// started by hand is not.
func TestTimeoutIsFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.flow(h.hire("Ann"), "Orders", "")
	h.ends(w, 1, -3, "")
	h.exec("UPDATE alur.executions SET reason = 'manual_cancel'")
	h.look()
	h.want("")
	h.ends(w, 1, -2, "It broke")
	h.exec("UPDATE alur.executions SET manually = true")
	h.look()
	h.want("")
	h.ends(w, 1, -3, "")
	h.exec("UPDATE alur.executions SET reason = 'timeout' WHERE manually IS NULL")
	h.look()
	h.want("ann: “Orders” failed at “Confirm order”")
}

// TestWho gets mails, and who does not.
func TestWho(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	root, ann, bob, cem := h.hire("Root", auth.Admin), h.hire("Ann"), h.hire("Bob"), h.hire("Cem")
	h.exec("INSERT INTO alur.roles (name, title) VALUES ('shop', 'Shop')")
	dan, eva := h.hire("Dan", auth.Member, "shop"), h.hire("Eva", auth.Member, "shop")
	w := h.flow(ann, "Orders", "")
	h.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Viewer})
	rules := engine.WorkflowAlerts{Mode: engine.OwnAlerts, Alerts: engine.Alerts{Owner: true, UserIDs: []int64{bob.ID}, Roles: []auth.Role{"shop"}, After: 1, Every: 1}}
	set := func() {
		t.Helper()
		if err := h.engine.SetAlerts(t.Context(), auth.System, w.ID, rules); err != nil {
			t.Fatal(err)
		}
	}
	told := func(want string) {
		t.Helper()
		h.advance(2 * time.Minute)
		h.ends(w, 1, -2, "It broke")
		h.look()
		if got := strings.ReplaceAll(h.mails(), ": “Orders” failed at “Confirm order”", ""); got != want {
			t.Errorf("told are %q, want %q", got, want)
		}
	}
	told("ann") // by the rules of the server
	set()
	told("ann | bob") // whoever has the role does not see the workflow
	h.give(w, engine.NewMember{Role: "shop", Level: auth.Viewer})
	told("ann | bob | dan | eva")

	rules.UserIDs = []int64{cem.ID}
	err := h.engine.SetAlerts(t.Context(), auth.System, w.ID, rules)
	if err == nil || !strings.Contains(err.Error(), "Cem may not see this workflow") {
		t.Errorf("Cem, who does not see it, is to hear of it: %v", err)
	}
	h.exec(`UPDATE alur.workflows SET options = jsonb_set(options, '{alerts,userIds}', jsonb_build_array(CAST($1 AS bigint)))`, cem.ID) // he did once
	told("ann | dan | eva")
	for _, u := range []auth.User{ann, dan} {
		if _, err := h.people.Deactivate(t.Context(), auth.System, u.ID); err != nil {
			t.Fatal(err)
		}
	}
	told("eva")
	h.exec("UPDATE alur.users SET email = NULL, username = 'eva' WHERE id = $1", eva.ID)
	told("root") // nobody else is left, and he manages all workflows
	if plain, _ := h.body(); !strings.Contains(plain, "nobody else hears of this workflow") {
		t.Errorf("it does not say why he gets it:\n%s", plain)
	}
	_ = root
}

// TestOwner: who answers for a workflow is the one among its owners who was chosen.
func TestOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.hire("Ann"), h.hire("Bob")
	w := h.flow(ann, "Orders", "")
	h.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Owner})
	h.ends(w, 1, -2, "It broke")
	h.look()
	h.want("ann: “Orders” failed at “Confirm order”")
	if err := h.engine.SetOwner(t.Context(), auth.System, w.ID, bob.ID); err != nil {
		t.Fatal(err)
	}
	h.advance(time.Hour)
	h.ends(w, 1, -2, "It broke")
	h.look()
	h.want("bob: “Orders” failed at “Confirm order”")
}

// TestStorm: ten thousand failures are one mail.
func TestStorm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.flow(h.hire("Ann"), "Orders", "")
	h.ends(w, 10_000, -2, "It broke")
	h.look()
	h.want("ann: “Orders” failed at “Confirm order” 10000 times")
	h.advance(time.Second)
	h.ends(w, 10_001, -2, "It broke")
	h.look()
	h.advance(time.Hour)
	h.look()
	h.want("ann: “Orders” failed at “Confirm order” more than 10,000 times")
}

// TestDeletedAtOnce: what is deleted as soon as it fails is told all the same.
func TestDeletedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.flow(h.hire("Ann"), "Orders", `{"deleteExecutionOnStatus": [1, -2], "alerts": {"mode": "own", "owner": true, "after": 2, "every": 60, "recovered": true}}`)
	keep := func() {
		t.Helper()
		for range 4 {
			h.advance(11 * time.Second)
			if _, err := h.engine.HousekeepOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var left int
		if err := h.db.GetContext(t.Context(), &left, "SELECT count(*) FROM alur.executions"); err != nil || left != 0 {
			t.Fatalf("%d executions were not deleted, %v", left, err)
		}
	}
	for _, status := range []int{-2, 1, -2} {
		h.ends(w, 1, status, "It broke")
		keep()
		h.look()
	}
	h.want("")
	h.ends(w, 1, -2, "It broke")
	keep()
	h.look()
	h.want("ann: “Orders” failed 2 times")
	if plain, _ := h.body(); !strings.Contains(plain, "It broke.") {
		t.Errorf("it does not say why:\n%s", plain)
	}
	h.ends(w, 1, 1, "")
	keep()
	h.look()
	h.want("ann: “Orders” works again")
}

// TestOneWatchdog: of many processes that look at the same moment, one tells.
func TestOneWatchdog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.flow(h.hire("Ann"), "Orders", "")
	h.ends(w, 1, -2, "It broke")
	for range 20 {
		h.advance(10 * time.Second)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := h.dog.Once(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	h.want("ann: “Orders” failed at “Confirm order”")
}

// TestDismissed: what a person has looked at before it was told needs no mail, and
// a deleted workflow none either.
func TestDismissed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.hire("Ann")
	w, gone := h.flow(ann, "Orders", ""), h.flow(ann, "Old", "")
	h.ends(w, 1, -2, "It broke")
	h.ends(gone, 1, -2, "It broke")
	if _, err := h.engine.DeleteWorkflow(t.Context(), auth.System, gone.ID); err != nil {
		t.Fatal(err)
	}
	h.exec("UPDATE alur.executions SET dismissed_at = ended_at")
	h.look()
	h.want("")
}
