package handlers

import (
	"fmt"
	"testing"
)

// TestSpecSeveral holds spec/platform.md §3 and spec/http-api.md §1, §2.4, §2.5, §3.2,
// §4.2, §4.3 and §4.4 for what names several records: all are changed or none, and the
// answer says which one was in the way.
func TestSpecSeveral(t *testing.T) {
	t.Parallel()
	site := newShop(t)
	s := newSpec(site.site)
	s.kept["broken"], s.kept["waiting"], s.kept["fits"] = fmt.Sprint(site.broken), fmt.Sprint(site.waiting), fmt.Sprint(site.fits)
	s.kept["member"] = fmt.Sprint(site.users[member].ID)
	s.kept["admin"] = fmt.Sprint(site.users[admin].ID)
	const undone = "of several one is refused, and none is changed"
	s.run(t, []specRow{
		{row: "platform 3 a collection", call: "POST collections:create", body: `{"name":"parts","fields":[{"name":"code","type":"string","unique":true},{"name":"n","type":"integer"}]}`, status: 200},
		{row: "platform 3 one that refers to it", call: "POST collections:create", body: `{"name":"uses","fields":[{"name":"part","type":"belongsTo","target":"parts","onDelete":"RESTRICT"}]}`, status: 200},
		{row: "platform 3 create: several, one refused", call: "POST parts:create", body: `[{"code":"a"},{"code":"a"}]`, status: 400, want: `"field":"1.code"`},
		{row: "platform 3 create: " + undone, call: "GET parts:list", status: 200, want: `"count":0`},
		{row: "platform 3 the first record", call: "POST parts:create", body: `{"code":"a","n":0}`, status: 200, keep: "a"},
		{row: "platform 3 the second", call: "POST parts:create", body: `{"code":"b","n":0}`, status: 200, keep: "b"},
		{row: "platform 3 the third", call: "POST parts:create", body: `{"code":"c","n":0}`, status: 200, keep: "c"},
		{row: "platform 3 update: unique", call: `POST parts:update?filter={"n":0}`, body: `{"code":"x"}`, status: 400, want: `Nothing was changed … "field":"code"`},
		{row: "platform 3 update: value", call: `POST parts:update?filterByTk[]=<a>&filterByTk[]=<b>`, body: `{"n":"many"}`, status: 400, want: `"field":"n"`},
		{row: "platform 3 update: " + undone, call: `GET parts:list?filter={"n":0,"code":["a","b","c"]}`, status: 200, want: `"count":3`},
		{row: "platform 3 a record in use", call: "POST uses:create", body: `{"part":<b>}`, status: 200},
		{row: "platform 3 destroy: one is in use", call: `POST parts:destroy?filter={"n":0}`, status: 409, want: `Nothing was changed. Record <b>: … "record":"<b>"`},
		{row: "platform 3 destroy: list", call: `POST parts:destroy?filterByTk[]=<a>&filterByTk[]=<b>`, status: 409, want: `"record":"<b>"`},
		{row: "platform 3 destroy: " + undone, call: "GET parts:list", status: 200, want: `"count":3`},

		{row: "triggers-core 2.6 a workflow that refuses", call: "POST workflows:create", body: `{"title":"Guard","type":"collection","sync":true,
			"config":{"collection":"parts","mode":2,"rollbackOnFailure":true,"condition":{"code":"b"}}}`, status: 200, keep: "guard"},
		{row: "triggers-core 2.6 its node", call: "POST workflows/<guard>/nodes:create", body: `{"type":"end","config":{"endStatus":-1}}`, status: 200},
		{row: "triggers-core 2.6 it is on", call: "POST workflows:update/<guard>", body: `{"enabled":true}`, status: 200},
		{row: "triggers-core 2.6 update: one is refused", call: `POST parts:update?filter={"n":0}`, body: `{"n":1}`, status: 422,
			want: `Nothing was changed. The workflow “Guard” refused this change of record <b>. … WORKFLOW_ROLLBACK_ON_FAILURE … "record":"<b>"`},
		{row: "triggers-core 2.6 update: " + undone, call: `GET parts:list?filter={"n":0}`, status: 200, want: `"count":3`},
		{row: "triggers-core 2.6 the refusal is on record", call: `GET executions:list?filter={"key":"<guard.key>"}`, status: 200, want: `"count":1`},
	})
	s.run(t, []specRow{
		{row: "2.4 another workflow", call: "POST workflows:create", body: `{"title":"Second","type":"collection","config":{"collection":"parts","mode":1}}`, status: 200, keep: "w2"},
		{row: "2.4 update: one cannot be turned on", call: `POST workflows:update?filterByTk[]=<w2>&filterByTk[]=<guard>`, body: `{"title":"Same","config":{"collection":"parts","mode":2}}`, status: 400,
			want: `Workflow <guard>: … "record":"<guard>"`},
		{row: "2.4 update: " + undone, call: `GET workflows:list?filter={"title":"Same"}`, status: 200, want: `"count":0`},
		{row: "2.4 update: both", call: `POST workflows:update?filter[id][$in][]=<w2>&filter[id][$in][]=<guard>`, body: `{"title":"Same"}`, status: 200, want: `"title":"Same"`},
		{row: "2.4 update: both are changed", call: `GET workflows:list?filter={"title":"Same"}`, status: 200, want: `"count":2`},

		{row: "3.2 a node", call: "POST workflows/<w2>/nodes:create", body: `{"type":"end","title":"Stop"}`, status: 200, keep: "n1"},
		{row: "3.2 update: a node of a version that has run", call: `POST flow_nodes:update?filter={"type":"end","workflowId":[<w2>,<guard>]}`, body: `{"title":"Halt"}`, status: 400,
			want: `Nothing was changed. Node … "record":`},
		{row: "3.2 update: " + undone, call: `GET flow_nodes:list?filter={"title":"Halt"}`, status: 200, want: `"count":0`},

		{row: "5 jobs:update: one goes on", call: `POST jobs:update?filter={"executionId":[<fits>,<waiting>]}`, body: `{"status":-1}`, status: 400, want: `"Step … goes on … "field":"status" … "record":`, who: root},
		{row: "5 jobs:update: " + undone, call: `GET jobs:list?filter={"executionId":<fits>,"status":-1}`, status: 200, want: `"count":0`, who: root},

		{row: "platform 7 users:update: one is refused", call: `POST users:update?filter={"id":[<member>,<admin>]}`, body: `{"username":"the-same"}`, status: 400, want: `Person … "field":"username" … "record":`},
		{row: "platform 7 users:update: " + undone, call: `GET users:list?filter={"username":"the-same"}`, status: 200, want: `"count":0`},
		{row: "platform 7 a person", call: "POST users:create", body: `{"nickname":"Gone","email":"gone@example.test"}`, status: 200, keep: "gone"},
		{row: "platform 7 users:destroy: oneself too", call: `POST users:destroy?filterByTk[]=<gone>&filterByTk[]=<admin>`, status: 403, want: `Nothing was changed. Person <admin>: … "record":"<admin>"`},
		{row: "platform 7 users:destroy: " + undone, call: `GET users:list?filter={"id":<gone>}`, status: 200, want: `"count":1`},
		{row: "platform 7 users:destroy: filter in brackets", call: `POST users:destroy?filter[nickname]=Gone`, status: 200, want: `{"data":1}`},

		{row: "platform 6 a third collection", call: "POST collections:create", body: `{"name":"spare"}`, status: 200},
		{row: "platform 6 collections:destroy: one is referred to", call: `POST collections:destroy?filterByTk[]=spare&filterByTk[]=parts`, status: 409, want: `Nothing was changed. Collection … "record":`},
		{row: "platform 6 collections:destroy: " + undone, call: `GET collections:list?filter={"name":["spare","parts"]}`, status: 200, want: `"count":2`},
		{row: "platform 6 collections:destroy: no filter", call: `POST collections:destroy`, status: 400, want: `"field":"filterByTk"`},
		{row: "platform 6 collections:destroy: unknown field", call: `POST collections:destroy?filter={"moon":1}`, status: 400, want: `“moon” … "field":"filter"`},
		{row: "platform 6 collections:destroy: filter, together with what refers", call: `POST collections:destroy?filter={"$or":[{"name.$startsWith":"part"},{"title":{"$eq":"uses"}}]}`, status: 200, want: `{"data":2}`},
		{row: "platform 6 collections:destroy: filter in brackets, none", call: `POST collections:destroy?filter[title]=Nowhere`, status: 200, want: `{"data":0}`},

		{row: "4.2 destroy: filter and key", call: `POST executions:destroy?filterByTk=<fits>&filter={"status":-2}`, status: 200, want: `{"data":0}`},
		{row: "4.2 destroy: those that run or wait stay", call: `POST executions:destroy?filter[id][$in][]=<fits>&filter[id][$in][]=<waiting>`, status: 200, want: `{"data":1}`},
		{row: "4.2 destroy: the one that waits is there", call: `GET executions:get/<waiting>`, status: 200, want: `"status":0`},
		{row: "4.2 destroy: unknown field", call: `POST executions:destroy?filter={"moon":1}`, status: 400, want: `"field":"filter"`},
		{row: "4.2 destroy: no filter", call: `POST executions:destroy?filter={}`, status: 400, want: `"field":"filterByTk"`},
		{row: "4.4 rerun: filter in brackets", call: `POST executions:rerun?filter[id]=<broken>`, body: `{}`, status: 202, want: `"rerunOf":<broken> … "passed":[]`, who: root},
		{row: "4.4 rerun: list", call: `POST executions:rerun?filterByTk[]=<broken>&filterByTk[]=1`, body: `{}`, status: 202, want: `"data":[] … "passed":[{"id":1`, who: root},
		{row: "4.3 cancel: filter in brackets", call: `POST executions:cancel?filter[id]=<waiting>`, status: 200, want: `{"data":1}`},
		{row: "2.5 destroy: filter", call: `POST workflows:destroy?filter={"title":"Same"}`, status: 200, want: `{"data":2}`},
	})
}
