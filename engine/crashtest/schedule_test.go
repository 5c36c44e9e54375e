package crashtest_test

import (
	"fmt"
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/crashtest"
)

// TestSchedules lets three processes start a workflow each second, and one for each
// of a number of records, while one after the other is killed and started again:
// each planned time is started once, none is lost (R1, R10).
func TestSchedules(t *testing.T) {
	t.Parallel()
	w, url := shop(t)
	keepDump(t, url)
	r := random(t)
	start := func(name string) *crashtest.Server {
		return crashtest.Start(t, crashtest.Options{Args: []string{"worker"}, Env: []string{
			"DATABASE_URL=" + url + "&application_name=" + name, "DATA_DIR=" + crashtest.Dir(t)}})
	}
	servers := make([]*crashtest.Server, 3)
	for i := range servers {
		servers[i] = start(fmt.Sprint("clock", i))
		servers[i].Await("work", func() bool { return servers[i].Log.Value("msg=working worker_number=") != "" })
	}
	seconds := scaled(12, 60)
	first := time.Now().Truncate(time.Second).Add(2 * time.Second).UTC()
	last := first.Add(time.Duration(seconds-1) * time.Second)
	stamp := func(at time.Time) string { return at.Format(collection.Instant) }
	w.collection(`{"name": "alarms", "title": "Alarms", "fields": [{"name": "due", "type": "datetimeTz", "title": "Due"}]}`)
	w.scheduled(fmt.Sprintf(`{"startsOn": %q, "repeat": "* * * * * *", "endsOn": %q}`, stamp(first), stamp(last)))
	w.scheduled(`{"mode": 1, "collection": "alarms", "startsOn": {"field": "due"}}`)
	for i := range seconds {
		for range 3 {
			w.create("alarms", collection.Record{"due": stamp(first.Add(time.Duration(i) * time.Second))})
		}
	}
	wanted := int64(seconds * 4)
	killed := 0
	progress(t, "executions that were started", func() (n int64, done bool) {
		w.get(&n, "SELECT count(*) FROM alur.executions WHERE event_key IS NOT NULL")
		if n < wanted && int(n) >= (killed+1)*seconds/2 { // again and again on the way
			i := r.IntN(len(servers))
			servers[i].Kill()
			servers[i] = start(fmt.Sprint("clock", i))
			killed++
		}
		return n, n >= wanted
	})
	w.awaitQuiet()
	if killed == 0 {
		t.Error("no process was killed")
	}
	var got struct {
		All, Times, Records int64
		Lost                int64
	}
	w.get(&got, `SELECT count(*) AS "all", count(DISTINCT x.context ->> 'date') AS times, count(DISTINCT x.context #>> '{data,id}') AS records,
			(SELECT count(*) FROM public.alarms a WHERE NOT EXISTS (
				SELECT FROM alur.executions x WHERE (x.context #>> '{data,id}') = CAST(a.id AS text) AND CAST(x.context ->> 'date' AS timestamptz) = a.due)) AS lost
		FROM alur.executions x WHERE x.event_key IS NOT NULL AND x.status = 1`)
	if got.All != wanted || got.Times != int64(seconds) || got.Records != int64(seconds*3) || got.Lost != 0 {
		t.Errorf("%d executions at %d times for %d records, %d records without theirs; want %d, %d, %d, 0",
			got.All, got.Times, got.Records, got.Lost, wanted, seconds, seconds*3)
	}
}
