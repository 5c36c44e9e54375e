package triggerforms_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

func TestScheduleWords(t *testing.T) {
	t.Parallel()
	store := collection.NewStore(pgtest.New(t), snowflake.New(1, time.Now), time.Now)
	orders, err := store.CreateCollection(t.Context(), auth.System, collection.Definition{Name: "orders", Title: "Orders",
		Fields: []collection.Field{{Name: "due", Title: "Due date", Type: collection.Datetime}}})
	if err != nil {
		t.Fatal(err)
	}
	env := &nodeforms.Env{Collections: []*collection.Collection{orders}, Zone: time.UTC}
	const start = `"startsOn": "2027-01-02T08:00:00.000Z"`
	for config, want := range map[string][2]string{ // in a list, below the title
		`{}`:              {"When the time comes · not set up yet", "Not set up yet"},
		`{` + start + `}`: {"Once on 2 Jan 2027, 08:00", "UTC"},
		`{` + start + `, "repeat": 300000, "timeZone": "Europe/Berlin", "endsOn": "2027-05-02T08:00:00.000Z", "limit": 9}`: {"Every 5 minutes", "Europe/Berlin · until 2 May 2027, 10:00 · at most 9 starts"},
		`{` + start + `, "repeat": 86400000}`:                               {"Every day", "UTC"},
		`{` + start + `, "repeat": 604800000, "limit": 1}`:                  {"Every week", "UTC · at most 1 start"},
		`{` + start + `, "repeat": 1500}`:                                   {"Every 1.5 seconds", "UTC"},
		`{` + start + `, "repeat": "0 30 9 * * 1-5"}`:                       {"Monday to Friday at 09:30", "UTC"},
		`{` + start + `, "repeat": "0 7 * * *"}`:                            {"Every day at 07:00", "UTC"},
		`{` + start + `, "repeat": "0 0 7 * * 7"}`:                          {"Every Sunday at 07:00", "UTC"},
		`{` + start + `, "repeat": "0 0 7 L * *"}`:                          {"Cron 0 0 7 L * *", "UTC"},
		`{` + start + `, "repeat": "*/5 * * * * *"}`:                        {"Cron */5 * * * * *", "UTC"},
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "due"}}`: {"Due date of each order", "UTC"},
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "due", "offset": -3}, "repeat": 86400000, "endsOn": {"field": "due"}, "limit": 2, "limitPerRecord": true}`: {
			"3 days before Due date of each order, then every day", "UTC · until Due date · at most 2 starts a record"},
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "due", "offset": 1, "unit": 3600000}}`: {"1 hour after Due date of each order", "UTC"},
		`{"mode": 1, "collection": "orders"}`: {"When the time comes · not set up yet", "Not set up yet"},
	} {
		raw := json.RawMessage(config)
		if got := [2]string{triggerforms.When("schedule", raw, env), triggerforms.SummaryOf("schedule", raw, env)}; got != want {
			t.Errorf("%s: %q, want %q", config, got, want)
		}
	}
}

// TestScheduleRoundTrip is what typed forms are saved as, and what is refused
// beside its control.
func TestScheduleRoundTrip(t *testing.T) {
	t.Parallel()
	env := &nodeforms.Env{Zone: time.UTC}
	for _, tc := range []struct {
		form url.Values
		want string
	}{
		{url.Values{"mode": {"0"}, "startsOn": {"2027-07-02T08:00"}, "timeZone": {"Europe/Berlin"}, "repeat": {"days"}, "repeat.every": {"2"}, "endsOn": {"2027-12-24T08:00:05"},
			"limit": {"9"}, "missed": {"once"}, "startsOn.field": {"due"}, "repeat.cron": {"0 0 9 * * *"}},
			`{"endsOn":"2027-12-24T07:00:05.000Z","limit":9,"missed":"once","mode":0,"own":"kept","repeat":172800000,"startsOn":"2027-07-02T06:00:00.000Z","timeZone":"Europe/Berlin"}`},
		{url.Values{"mode": {"0"}, "startsOn": {"2027-07-02T08:00:00"}, "repeat": {"cron"}, "repeat.cron": {" 0 30 9 * * 1-5 "}, "missed": {"skip"}},
			`{"endsOn":null,"limit":0,"missed":"skip","mode":0,"own":"kept","repeat":"0 30 9 * * 1-5","startsOn":"2027-07-02T08:00:00","timeZone":""}`},
		{url.Values{"mode": {"1"}, "collection": {"orders"}, "startsOn": {"2027-07-02T08:00"}, "startsOn.field": {"due"}, "startsOn.offset": {"3"}, "startsOn.side": {"before"}, "startsOn.unit": {"86400000"},
			"endsOn.by": {"field"}, "endsOn.field": {"due"}, "endsOn.offset": {"1"}, "endsOn.side": {"after"}, "endsOn.unit": {"3600000"}, "limitPerRecord": {"true"}, "appends": {"customer"}, "missed": {"all"}, "timeZone": {"Asia/Tokyo"}},
			`{"appends":["customer"],"collection":"orders","endsOn":{"field":"due","offset":1,"unit":3600000},"limit":0,"limitPerRecord":true,"missed":"all","mode":1,"own":"kept","repeat":null,"startsOn":{"field":"due","offset":-3,"unit":86400000},"timeZone":"Asia/Tokyo"}`},
		{url.Values{"mode": {"1"}, "endsOn.by": {"time"}, "endsOn": {"soon"}, "timeZone": {"Asia/Tokyo"}},
			`{"appends":[],"collection":"","endsOn":"soon","limit":0,"limitPerRecord":false,"missed":"","mode":1,"own":"kept","repeat":null,"startsOn":{"field":"","offset":0,"unit":86400000},"timeZone":"Asia/Tokyo"}`},
	} {
		form := triggerforms.Lookup("schedule").New()
		form.Read(tc.form, env)
		config := nodeforms.Object{"own": "kept"}
		form.Save(config)
		got, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tc.want || len(form.Problems()) > 0 {
			t.Errorf("saved\n%s\nwant\n%s\n%v", got, tc.want, form.Problems())
		}
	}
	bad := triggerforms.Lookup("schedule").New()
	bad.Read(url.Values{"mode": {"1"}, "limit": {"many"}, "startsOn.offset": {"a few"}, "repeat": {"hours"}, "repeat.every": {"-1"}}, env)
	bad.Save(nodeforms.Object{})
	for _, name := range []string{"limit", "startsOn.offset", "repeat"} {
		if bad.Problems()[name] == "" {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestScheduleLoad opens stored settings: the form shows what they mean.
func TestScheduleLoad(t *testing.T) {
	t.Parallel()
	env := &nodeforms.Env{Zone: time.UTC}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string][]string{
		`{}`: {`name="mode" value="0" checked`, `value="skip" checked`},
		string(triggerforms.Initial("schedule", time.Date(2027, 1, 1, 8, 20, 0, 0, berlin))): {
			`name="mode" value="0" checked`, `value="2027-01-01T09:00:00"`, `value="Europe/Berlin" selected`, `value="once" checked`},
		`{"mode": 0, "startsOn": "2027-07-02T06:00:00.000Z", "timeZone": "Europe/Berlin", "repeat": 172800000}`: {
			`name="mode" value="0" checked`, `value="2027-07-02T08:00:00"`, `value="days" selected`, `name="repeat.every"`, `value="skip" checked`},
		`{"mode": 1, "startsOn": {"field": "due", "offset": -3, "unit": 60000}, "repeat": "0 0 9 * * *"}`: {
			`name="mode" value="1" checked`, `value="before" selected`, `value="60000" selected`, `value="0 0 9 * * *"`},
	} {
		form := triggerforms.Lookup("schedule").New()
		form.Load(nodeforms.Decode(json.RawMessage(config)))
		var page strings.Builder
		if err := form.View(env).Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(page.String(), part) {
				t.Errorf("%s: the form has no %s", config, part)
			}
		}
	}
}
