package handlers

import (
	"fmt"
	"testing"
	"time"
)

// TestSpecExecutions holds §4 and §5.
func TestSpecExecutions(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	s := newSpec(shop.site)
	for name, id := range map[string]int64{"fits": shop.fits, "refused": shop.refused, "broken": shop.broken, "waiting": shop.waiting,
		"asked": shop.job(shop.waiting, "decision"), "done": shop.job(shop.fits, "confirm")} {
		s.kept[name] = fmt.Sprint(id)
	}
	s.run(t, []specRow{
		{row: "4.1 one", call: "GET executions:get/<fits>", status: 200, want: `"id":<fits> … "status":1 … "dispatched":true … "context":{ … "stack":null … "startedAt":"`, keep: "fits"},
		{row: "4.1 history of a workflow", call: `GET executions:list?filter={"key":"<fits.key>"}`, status: 200, want: `"count":3`},
		{row: "4.1 usual call of the UI", call: `GET executions:list?filter={"key":"<fits.key>"}&sort=-id&except[]=context&except[]=output&except[]=stack`, status: 200, want: `"data":[{ … "id":<broken> … -"context" … -"stack" … -"output"`},
		{row: "4.1 neighbours", call: `GET executions:list?filter={"key":"<fits.key>","id":{"$lt":<broken>}}&sort=-id&pageSize=1`, status: 200, want: `"id":<refused>`},
		{row: "4.1 by status", call: `GET executions:list?filter={"status":{"$in":[0,-2]}}&fields[]=id&sort=id`, status: 200, want: `[{"id":<broken>},{"id":<waiting>}]`},
		{row: "4.1 filter through relations", call: `GET executions:list?filter={"jobs.nodeKey":"decision","workflow.title.$includes":"leave"}`, status: 200, want: `"count":1`},
		{row: "4.1 detail", call: "GET executions:get/<fits>?appends[]=jobs&appends[]=workflow&appends[]=workflow.nodes&appends[]=workflow.versionStats&appends[]=workflow.stats&except[]=jobs.result&except[]=workflow.options",
			status: 200, want: `"jobs":[{ … "nodes":[{ … "versionStats":{ … "stats":{ … -"result" … -"options"`},
		{row: "4.1 more appends", call: "GET executions:list?appends[]=createdBy&appends[]=parentExecution&appends[]=childExecutions&appends[]=jobs.node&appends[]=jobs.upstream", status: 200,
			want: `"createdBy":{ … "nickname":"Rita Root" … "parentExecution":null … "childExecutions":[] … "node":{ … "upstream":`},
		{row: "4.1 jobs of an execution", call: "GET executions/<fits>/jobs:list?sort=id&fields[]=nodeKey&fields[]=status", status: 200, want: `"nodeKey":"confirm"`},
		{row: "4.1 its workflow", call: "GET executions/<fits>/workflow:get?fields[]=key", status: 200, want: `{"data":{"key":"<fits.key>"}}`},
		{row: "4.1 missing", call: "GET executions:get/1", status: 200, want: `{"data":null}`},
		{row: "4.1 unknown append", call: "GET executions:list?appends[]=moon", status: 400, want: `"field":"appends"`},

		{row: "5 jobs:get", call: "GET jobs:get?filterByTk=<done>", status: 200, want: `"result": … "meta": … "log": … "nodeKey":"confirm" … "startedAt":"`},
		{row: "5 jobs:list", call: `GET jobs:list?filter={"executionId":<fits>}&appends[]=node&appends[]=execution.workflow&sort=id`, status: 200, want: `"node":{ … "execution":{ … "workflow":{`},
		{row: "5 execution of a job", call: "GET jobs/<done>/execution:get?fields[]=id", status: 200, want: `{"data":{"id":<fits>}}`},
		{row: "5 resume: job unknown", call: "POST jobs:resume/1", body: `{"status": 1}`, status: 404},
		{row: "5 resume: no job", call: "POST jobs:resume", body: `{"status": 1}`, status: 400},
		{row: "5 resume: execution not started", call: "POST jobs:resume/<done>", body: `{"status": 1}`, status: 400, want: "has ended"},
		{row: "5 resume: nor without a status", call: "POST jobs:resume/<done>", status: 400, want: "has ended"},
		{row: "5 resume: status of no meaning", call: "POST jobs:resume/<asked>", body: `{"status": 7}`, status: 400, want: `"field":"status"`, ours: "any number in the reference"},
		{row: "5 resume: no body stays waiting", call: "POST jobs:resume/<asked>", status: 202, want: `"id":<asked> … "status":0`},
		{row: "5 resume: fields to write", call: "POST jobs:resume/<asked>", body: `{"status": 0, "result": {"a": 1}, "meta": {"b": 2}, "log": "seen"}`, status: 202, want: `"status":0 … "result":{"a":1} … "meta":{"b":2} … "log":"seen"`},
		{row: "5 resume: the execution waits", call: "GET executions:get/<waiting>", status: 200, want: `"status":0`},
		{row: "5 resume: by members", call: "POST jobs:resume/<asked>", body: `{"status": 1}`, status: 403, who: member},
		{row: "5 resume", call: "POST jobs:resume?filterByTk=<asked>", body: `{"status": 1, "result": {"by": "program"}}`, status: 202, want: `"status":1 … "result":{"by":"program"} … "meta":{"b":2}`},
		{row: "5 resume: [!] any previous status", call: "POST jobs:resume/<asked>", body: `{"status": -5}`, status: 409, ours: "a step is answered once"},
	})
	shop.work()
	s.run(t, []specRow{
		{row: "5 resume: the flow continued", call: "GET executions:get/<waiting>?appends[]=jobs", status: 200, want: `"status":1`},

		{row: "4.4 unknown", call: "POST executions:rerun/1", status: 404},
		{row: "4.4 nothing named", call: "POST executions:rerun", status: 400},
		{row: "4.4 [!] ended ones", call: "POST executions:rerun?filterByTk=<waiting>", body: `{"overwrite": true}`, status: 202, want: `"rerunOf":<waiting> … "status":null`, keep: "again",
			ours: "the reference runs again only what is started; here it is a new execution, and nothing is overwritten"},
		{row: "4.4 queued", call: "POST executions:rerun/<again>", status: 400},
		{row: "4.4 [!] node of another version", call: "POST executions:rerun/<broken>", body: `{"nodeId": 1}`, status: 400, want: "not part of the version", ours: "only logged in the reference"},
		{row: "4.4 members", call: "POST executions:rerun/<broken>", status: 403, who: member},
	})
	shop.work()
	s.kept["asked2"] = fmt.Sprint(shop.job(s.id("again"), "decision"))
	s.run(t, []specRow{
		{row: "4.4 it ran", call: "GET executions:get/<again>?appends[]=jobs", status: 200, want: `"status":0`},
		{row: "4.2 running ones are skipped", call: "POST executions:destroy/<again>", status: 200, want: `{"data":0}`},
		{row: "4.3 unknown", call: "POST executions:cancel/1", status: 404},
		{row: "4.3 nothing named", call: "POST executions:cancel", status: 400},
		{row: "4.3 members", call: "POST executions:cancel/<again>", status: 403, who: member},
		{row: "4.3 [!] cancel", call: "POST executions:cancel?filterByTk=<again>", status: 200, want: `"id":<again> … "status":-3 … "reason":"manual_cancel" … "jobs":[{ … "id":<asked2> … -"status":0`, ours: "jobs show what has become of them"},
		{row: "4.3 already ended", call: "POST executions:cancel/<again>", status: 400, want: "ended",
			ours: "one that is being processed is told to stop, never 409: promises of cancelling are held by TestCancel* of package engine"},
		{row: "4.3 several by list", call: "POST executions:cancel?filterByTk=[<again>,<fits>]", status: 200, want: `{"data":0}`, ours: "one at a time in the reference"},
		{row: "4.3 more to cancel", call: "POST executions:rerun/<waiting>", status: 202, keep: "third"},
		{row: "4.3 several by filter", call: `POST executions:cancel?filter={"status":null}`, status: 200, want: `{"data":1}`, ours: "one at a time in the reference"},
		{row: "4.3 of members", call: `POST executions:cancel?filter={"status":null}`, status: 403, who: member},
		{row: "4.3 they have ended", call: "GET executions:get/<third>", status: 200, want: `"status":-3`},
		{row: "4.2 one", call: "POST executions:destroy/<again>", status: 200, want: `{"data":1}`},
		{row: "4.2 jobs are gone with it", call: `GET jobs:list?filter={"executionId":<again>}`, status: 200, want: `"count":0`},
		{row: "4.2 list and filter", call: `POST executions:destroy?filterByTk=[<fits>,<broken>]&filter={"status":1}`, status: 200, want: `{"data":1}`},
		{row: "4.2 clear history", call: `POST executions:destroy?filter={"key":"<fits.key>"}`, status: 200, want: `{"data":2}`},
		{row: "4.2 nothing named", call: "POST executions:destroy", status: 400, want: `"field":"filterByTk"`},
	})
}

// TestSpecDeadline holds what §5 says of executions past their deadline.
func TestSpecDeadline(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	s := newSpec(site)
	task := site.ask(member)[0]
	var job, execution int64
	if err := site.DB.Side().QueryRowContext(t.Context(), `SELECT job_id, execution_id FROM alur.tasks WHERE id = $1`, task).Scan(&job, &execution); err != nil {
		t.Fatal(err)
	}
	s.kept["job"], s.kept["x"] = fmt.Sprint(job), fmt.Sprint(execution)
	s.exec(`UPDATE alur.executions SET status = NULL WHERE id = $1`, execution)
	s.run(t, []specRow{{row: "5 resume: being processed", call: "POST jobs:resume/<job>", body: `{"result": 1}`, status: 409}})
	s.exec(`UPDATE alur.executions SET status = 0, expires_at = $2 WHERE id = $1`, execution, site.Now().Add(-time.Minute))
	s.run(t, []specRow{
		{row: "5 resume: past its deadline", call: "POST jobs:resume/<job>", body: `{"status": 1}`, status: 400, want: "longer than it may"},
		{row: "5 resume: it is aborted by this call", call: "GET executions:get/<x>?appends[]=jobs", status: 200, want: `"status":-3 … "reason":"timeout" … -"status":0`},
	})
}

// id is what was kept, as a number.
func (s *spec) id(name string) (id int64) {
	s.t.Helper()
	if _, err := fmt.Sscan(s.kept[name], &id); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// TestSpecCounters holds §6 and §7, and the lists of what is in no table.
func TestSpecCounters(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	s := newSpec(site)
	s.kept["task"] = fmt.Sprint(site.ask(member)[0])
	site.ask(member, admin)
	s.exec(`UPDATE alur.workflows SET current = true WHERE id = 10`)
	s.kept["me"] = fmt.Sprint(site.users[member].ID)
	s.run(t, []specRow{
		{row: "6 create", call: "POST workflowCategories:create", body: `{"title": "One"}`, status: 200, want: `"title":"One" … "color":"default" … "sort":1`, keep: "one"},
		{row: "6 create: color", call: "POST workflowCategories:create", body: `{"title": "Two", "color": "red"}`, status: 200, want: `"color":"red" … "sort":2`, keep: "two"},
		{row: "6 create: no title", call: "POST workflowCategories:create", body: `{}`, status: 400, want: `"field":"title"`},
		{row: "6 usual list of the UI", call: "GET workflowCategories:list?paginate=false&sort=sort&fields[]=title", status: 200, want: `{"data":[{"title":"One"},{"title":"Two"}]}`},
		{row: "6 move", call: "POST workflowCategories:move?sourceId=<two>&targetId=<one>", status: 200, want: `"ok"`},
		{row: "6 drag order", call: "GET workflowCategories:list?paginate=false&sort=sort&fields[]=title", status: 200, want: `{"data":[{"title":"Two"},{"title":"One"}]}`},
		{row: "6 get", call: "GET workflowCategories:get/<one>?appends[]=workflows", status: 200, want: `"workflows":[]`},
		{row: "6 update", call: "POST workflowCategories:update/<one>", body: `{"title": "First"}`, status: 200, want: `{"data":[{ … "title":"First"`},
		{row: "6 assign", call: "POST workflows:update/10", body: `{"categories": [<one>, <two>]}`, status: 200, want: `"title":"First" … "title":"Two"`},
		{row: "6 destroy", call: "POST workflowCategories:destroy/<one>", status: 200, want: `{"data":1}`},
		{row: "6 destroy removes links only", call: "GET workflows:get/10?appends[]=categories", status: 200, want: `"title":"Two" … -"title":"First"`},

		{row: "7 a task that is done", call: "POST workflowManualTasks:submit/<task>", body: `{"result": {"f1": {"amount": 3}, "_": "ok"}}`, status: 202, who: member},
		{row: "7.1 own counters", call: "GET userWorkflowTasks:listMine", status: 200, want: `{"data":[{"id":<me>,"stats":{"all":2,"pending":1},"type":"manual","userId":<me>}],"meta":{"count":1,"page":1`, who: member},
		{row: "7.1 with zero counts", call: "GET userWorkflowTasks:listMine", status: 200, want: `"stats":{"all":0,"pending":0}`, who: custom},
		{row: "7.1 filter", call: `GET userWorkflowTasks:listMine?filter={"type":{"$ne":"manual"}}`, status: 200, want: `"data":[] … "count":0`, who: member},
		{row: "7.1 filter of somebody else's", call: `GET userWorkflowTasks:listMine?filter={"userId":1}`, status: 200, want: `"data":[]`, who: member},
		{row: "7.1 filter with variables", call: `GET userWorkflowTasks:listMine?filter={"userId":"{{$user.id}}"}&fields[]=type`, status: 200, want: `"data":[{"type":"manual"}]`, who: member},
		{row: "7.1 filter: unknown field", call: `GET userWorkflowTasks:listMine?filter={"moon":1}`, status: 400, want: `"field":"filter"`, who: member},
		{row: "7.1 sort: unknown field", call: `GET userWorkflowTasks:listMine?sort=moon`, status: 400, want: `"field":"sort"`, who: member},
		{row: "7.1 paginate=false", call: `POST userWorkflowTasks:listMine?paginate=false&except[]=stats`, status: 200, want: `-"meta" … -"stats"`, who: member},
		{row: "7.1 nobody", call: "GET userWorkflowTasks:listMine", status: 401, who: nobody},
		{row: "7.1 everybody's", call: "GET userWorkflowTasks:list?appends[]=user&sort=userId", status: 200, want: `"user":{ … "count":2`},

		{row: "7.2 by workflow", call: "GET userWorkflowTaskStats:listMine", status: 200,
			want: `{"data":[{"stats":{"all":2,"pending":1},"title":"Purchase","workflowKey":"purchase"}],"meta":{"hasNext":false,"page":1,"pageSize":200}}`, who: member},
		{row: "7.2 type", call: "GET userWorkflowTaskStats:listMine?type=cc", status: 200, want: `"data":[]`, who: member},
		{row: "7.2 search is trimmed", call: "GET userWorkflowTaskStats:listMine?search=%20purCH%20", status: 200, want: `"title":"Purchase"`, who: member},
		{row: "7.2 search without a match", call: "GET userWorkflowTaskStats:listMine?search=moon", status: 200, want: `"data":[]`, who: member},
		{row: "7.2 page", call: "GET userWorkflowTaskStats:listMine?page=2&pageSize=1", status: 200, want: `"data":[] … "page":2,"pageSize":1`, who: member},
		{row: "7.2 page: least", call: "GET userWorkflowTaskStats:listMine?page=0", status: 200, want: `"page":1`, who: member},
		{row: "7.2 pageSize: most", call: "GET userWorkflowTaskStats:listMine?pageSize=900", status: 200, want: `"pageSize":200`, who: member},
		{row: "7.2 only all above 0", call: "GET userWorkflowTaskStats:listMine", status: 200, want: `"data":[]`, who: custom},
	})
	s.exec(`UPDATE alur.workflows SET current = NULL WHERE id = 10`)
	s.run(t, []specRow{
		{row: "7.2 only keys with a current version", call: "GET userWorkflowTaskStats:listMine", status: 200, want: `"data":[]`, who: member},

		{row: "API keys: a second one", call: "POST apiKeys:create", body: `{"name": "Robot", "expiresIn": "30d"}`, status: 200, keep: "key"},
		{row: "API keys: newest first", call: "GET apiKeys:list?fields[]=name", status: 200, want: `{"data":[{"name":"Robot"},{"name":"admin key"}],"meta":{"count":2,"page":1`},
		{row: "API keys: filter", call: `GET apiKeys:list?filter={"name.$includes":"rob"}&fields[]=name`, status: 200, want: `"data":[{"name":"Robot"}] … "count":1`},
		{row: "API keys: filter by time", call: `GET apiKeys:list?filter={"expiresAt":{"$notEmpty":true},"createdAt":{"$gt":"2020-01-01T00:00:00Z"}}&fields[]=name`, status: 200, want: `"data":[{"name":"Robot"}]`},
		{row: "API keys: sort and page", call: `GET apiKeys:list?sort=-name&pageSize=1&page=2&fields[]=name`, status: 200, want: `"data":[{"name":"Robot"}] … "totalPage":2`},
		{row: "API keys: unknown field", call: `GET apiKeys:list?filter={"token":"x"}`, status: 400, want: `"field":"filter"`},
		{row: "API keys: of others", call: `GET apiKeys:list?filter={"createdById":{"$ne":0}}`, status: 200, want: `"count":1 … -Robot`, who: member},
		{row: "members of a workflow: filter", call: `GET workflows/10/members:list?filter={"level":"owner"}`, status: 200, want: `"data":[]`},
		{row: "fields of roles' rules: filter", call: `GET roles/member/resources:list?filter={"name":"moon"}`, status: 200, want: `"data":[]`, who: root},
	})
}
