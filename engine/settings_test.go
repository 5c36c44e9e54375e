package engine_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/script"
)

// wrongSetting is one setting with a value that it must not have.
type wrongSetting struct {
	name   string
	kind   string // of a node, or of a trigger behind "trigger "
	config string
	field  string // where the problem stands
	want   string // part of it
	late   bool   // it may be saved and imported, and not be turned on
	here   bool   // it may be imported, being wrong only here or not filled in yet; and not be saved or turned on
}

const (
	onOrders = `"collection": "orders", `
	decides  = `"assignees": [1], "forms": {"f": {"actions": [{"key": "ok", "status": 1}]}}`
)

// wrongSettings has a row for every setting of the core nodes and triggers, and more
// where one can be wrong in several ways (spec/nodes-core.md, spec/triggers-core.md,
// spec/human-tasks.md §1.1, spec/nodes-extension.md for delay and script).
var wrongSettings = []wrongSetting{
	{"required when a config is sent", "condition", `{"engine": "basic"}`, "rejectOnFalse", "Choose what happens", false, true},
	{"no switch", "condition", `{"rejectOnFalse": "often"}`, "rejectOnFalse", "Give true or false here, not a text.", false, false},
	{"null", "condition", `{"rejectOnFalse": null, "engine": "basic"}`, "rejectOnFalse", "Choose what happens", true, false},
	{"unknown engine", "condition", `{"rejectOnFalse": true, "engine": "python"}`, "engine", "Choose basic", false, false},
	{"string is refused", "condition", `{"rejectOnFalse": true, "engine": "string"}`, "engine", "Choose basic", false, false},
	{"no text", "condition", `{"rejectOnFalse": true, "engine": 7}`, "engine", "Give a text here, not a number.", false, false},
	{"no comparison", "condition", `{"rejectOnFalse": true, "calculation": 7}`, "calculation", "as an object", false, false},
	{"unknown operator", "condition", `{"rejectOnFalse": true, "calculation": {"calculator": "nope", "operands": [1, 2]}}`, "calculation", "Correct the condition", false, false},
	{"a second value", "condition", `{"rejectOnFalse": true, "calculation": {"calculator": "empty", "operands": ["{{$context.data.status}}", 2]}}`, "calculation", "looks at one value", false, false},
	{"no date", "condition", `{"rejectOnFalse": true, "calculation": {"calculator": "beforeDay", "operands": ["{{$system.now}}", "soon"]}}`, "calculation", "“soon” is no date", false, false},
	{"no text", "condition", `{"rejectOnFalse": true, "engine": "math.js", "expression": 7}`, "expression", "Give a text here", false, false},
	{"empty", "condition", `{"rejectOnFalse": true, "engine": "math.js", "expression": ""}`, "expression", "Write an expression", true, false},
	{"not readable", "condition", `{"rejectOnFalse": true, "engine": "math.js", "expression": "1 +"}`, "expression", "Correct the expression", false, false},

	{"no list", "multi-conditions", `{"conditions": {}}`, "conditions", "Give a list here", false, false},
	{"none", "multi-conditions", `{"conditions": [], "continueOnNoMatch": true}`, "conditions", "Add at least one", true, false},
	{"no object", "multi-conditions", `{"conditions": ["x"]}`, "conditions.0", "Give an object here", false, false},
	{"empty title", "multi-conditions", `{"conditions": [{}, {"title": ""}]}`, "conditions.1.title", "Give the condition a name", true, false},
	{"title no text", "multi-conditions", `{"conditions": [{"title": 1}]}`, "conditions.0.title", "Give a text here", false, false},
	{"engine no text", "multi-conditions", `{"conditions": [{"engine": 1}]}`, "conditions.0.engine", "Give a text here", false, false},
	{"unknown operator", "multi-conditions", `{"conditions": [{"calculation": {"calculator": "nope", "operands": [1]}}]}`, "conditions.0.calculation", "Correct the condition", false, false},
	{"expression empty", "multi-conditions", `{"conditions": [{"engine": "math.js", "expression": ""}]}`, "conditions.0.expression", "Write an expression", true, false},
	{"expression not readable", "multi-conditions", `{"conditions": [{"engine": "formula.js", "expression": "SUM("}]}`, "conditions.0.expression", "Correct the expression", false, false},
	{"no switch", "multi-conditions", `{"conditions": [{}], "continueOnNoMatch": 2}`, "continueOnNoMatch", "Give true or false here, not the number 2.", false, false},

	{"unknown engine", "calculation", `{"engine": "python", "expression": "1"}`, "engine", "Choose math.js", false, false},
	{"engine no text", "calculation", `{"engine": [], "expression": "1"}`, "engine", "Give a text here", false, false},
	{"empty", "calculation", `{"engine": "math.js", "expression": ""}`, "expression", "Write an expression", true, false},
	{"no text", "calculation", `{"expression": 1}`, "expression", "Give a text here", false, false},
	{"not readable", "calculation", `{"engine": "math.js", "expression": "(1"}`, "expression", "Correct the expression", false, false},

	{"another status", "end", `{"endStatus": 0}`, "endStatus", "Choose how the workflow ends", false, false},
	{"no number", "end", `{"endStatus": "done"}`, "endStatus", "Give a whole number here", false, false},

	{"not chosen", "create", `{"collection": "", "params": {"values": {"status": "x"}}}`, "collection", "Choose a collection.", true, false},
	{"half a name", "create", `{"collection": "main:"}`, "collection", "dataSource:name", false, false},
	{"no data source", "create", `{"collection": "moon:orders"}`, "collection", "no data source “moon”", false, false},
	{"not there", "create", `{"collection": "moons"}`, "collection", "no collection “moons”", false, true},
	{"no text", "create", `{"collection": 5}`, "collection", "Give a text here", false, false},
	{"values a list", "create", `{` + onOrders + `"params": {"values": [{}, "x"]}}`, "params.values", "The 2. of the list", false, false},
	{"values a text", "create", `{` + onOrders + `"params": {"values": "all of {{$context.data}}"}}`, "params.values", "or one variable", false, false},
	{"unknown field in a list", "create", `{` + onOrders + `"params": {"values": [{"status": "x"}, {"colour": 1}]}}`, "params.values", "Record 2: “orders” has no field “colour”", false, true},
	{"unknown field", "create", `{` + onOrders + `"params": {"values": {"colour": 1}}}`, "params.values", "no field “colour”", false, true},
	{"params no object", "create", `{` + onOrders + `"params": []}`, "params", "Give an object here", false, false},
	{"appends no list", "create", `{` + onOrders + `"params": {"appends": "product"}}`, "params.appends", "Give a list here", false, false},
	{"unknown relation", "create", `{` + onOrders + `"params": {"appends": ["maker"]}}`, "params.appends", "no field “maker”", false, true},
	{"whitelist no list", "create", `{` + onOrders + `"params": {"whitelist": 1}}`, "params.whitelist", "Give a list here", false, false},
	{"unknown in whitelist", "create", `{` + onOrders + `"params": {"whitelist": ["colour"]}}`, "params.whitelist", "no field “colour”", false, true},
	{"unknown in blacklist", "create", `{` + onOrders + `"params": {"blacklist": ["colour"]}}`, "params.blacklist", "no field “colour”", false, true},
	{"unknown in updateAssociationValues", "create", `{` + onOrders + `"params": {"updateAssociationValues": ["maker"]}}`, "params.updateAssociationValues", "no field “maker”", false, true},

	{"not chosen", "update", `{"collection": "", "params": {"filter": {"status": "x"}, "values": {"status": "x"}}}`, "collection", "Choose a collection.", true, false},
	{"not there", "update", `{"collection": "moons"}`, "collection", "no collection “moons”", false, true},
	{"no filter", "update", `{` + onOrders + `"params": {"values": {"status": "x"}}}`, "params.filter", "Say which records to change", true, false},
	{"empty groups", "update", `{` + onOrders + `"params": {"filter": {"$and": [{"$or": []}]}, "values": {"status": "x"}}}`, "params.filter", "Say which records to change", true, false},
	{"filter no object", "update", `{` + onOrders + `"params": {"filter": 7, "values": {"status": "x"}}}`, "params.filter", "as an object", false, false},
	{"filter a text", "update", `{` + onOrders + `"params": {"filter": "all", "values": {"status": "x"}}}`, "params.filter", "as an object", false, false},
	{"filter by an unknown field", "update", `{` + onOrders + `"params": {"filter": {"colour": 1}, "values": {"status": "x"}}}`, "params.filter", "no field “colour”", false, true},
	{"no values", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {}}}`, "params.values", "Say what to change", true, false},
	{"values a list", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": [1]}}`, "params.values", "by field", false, false},
	{"unknown field", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"colour": 1}}}`, "params.values", "no field “colour”", false, true},
	{"by no number", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"quantity": {"$inc": "many"}}}}`, "params.values.quantity", "Write a number to change this by", false, true},
	{"less by no number", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"quantity": {"$dec": true}}}}`, "params.values.quantity", "Write a number to change this by", false, true},
	{"by two variables", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"quantity": {"$inc": "{{$context.data.quantity}}{{$context.data.quantity}}"}}}}`, "params.values.quantity", "Write a number to change this by", false, true},
	{"no number to increase", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"status": {"$inc": 1}}}}`, "params.values.status", "Only a number can be increased", false, true},
	{"more than an increase", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"quantity": {"$inc": 1, "$max": 9}}}}`, "params.values.quantity", "Give nothing beside", false, true},
	{"no switch", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"status": "x"}, "individualHooks": "some"}}`, "params.individualHooks", "Give true or false here", false, false},
	{"blacklist no list", "update", `{` + onOrders + `"params": {"filter": {"status": "x"}, "values": {"status": "x"}, "blacklist": {}}}`, "params.blacklist", "Give a list here", false, false},

	{"not chosen", "destroy", `{"collection": "", "params": {"filter": {"status": "x"}}}`, "collection", "Choose a collection.", true, false},
	{"not there", "destroy", `{"collection": "moons"}`, "collection", "no collection “moons”", false, true},
	{"no filter", "destroy", `{` + onOrders + `"params": {}}`, "params.filter", "Say which records to delete", true, false},
	{"filter no object", "destroy", `{` + onOrders + `"params": {"filter": true}}`, "params.filter", "as an object", false, false},
	{"filter by an unknown field", "destroy", `{` + onOrders + `"params": {"filter": {"colour": 1}}}`, "params.filter", "no field “colour”", false, true},

	{"not chosen", "query", `{"collection": "", "multiple": true}`, "collection", "Choose a collection.", true, false},
	{"not there", "query", `{"collection": "moons"}`, "collection", "no collection “moons”", false, true},
	{"no switch", "query", `{` + onOrders + `"multiple": "many"}`, "multiple", "Give true or false here", false, false},
	{"no switch", "query", `{` + onOrders + `"failOnEmpty": 2}`, "failOnEmpty", "Give true or false here", false, false},
	{"filter no object", "query", `{` + onOrders + `"params": {"filter": "x"}}`, "params.filter", "as an object", false, false},
	{"filter by an unknown field", "query", `{` + onOrders + `"params": {"filter": {"product.colour": 1}}}`, "params.filter", "no field “colour”", false, true},
	{"appends no list", "query", `{` + onOrders + `"params": {"appends": {"a": 1}}}`, "params.appends", "Give a list here", false, false},
	{"unknown relation", "query", `{` + onOrders + `"params": {"appends": ["product.maker"]}}`, "params.appends", "no field “maker”", false, true},
	{"sort no list", "query", `{` + onOrders + `"params": {"sort": "status"}}`, "params.sort", "Give a list here", false, false},
	{"sort key no text", "query", `{` + onOrders + `"params": {"sort": [{"field": 7}]}}`, "params.sort.field", "Give a text here", false, false},
	{"unknown sort", "query", `{` + onOrders + `"params": {"sort": [{"field": "colour"}]}}`, "params.sort", "no field “colour”", false, true},
	{"page no number", "query", `{` + onOrders + `"params": {"page": "first"}}`, "params.page", "Write a whole number from 1", false, false},
	{"page 0", "query", `{` + onOrders + `"params": {"page": 0}}`, "params.page", "Write a whole number from 1", false, false},
	{"pageSize a fraction", "query", `{` + onOrders + `"params": {"pageSize": 1.5}}`, "params.pageSize", "Write a whole number from 1", false, false},
	{"pageSize a list", "query", `{` + onOrders + `"params": {"pageSize": [3]}}`, "params.pageSize", "Write a whole number from 1", false, false},

	{"nobody", "manual", `{"assignees": [], "forms": {"f": {"actions": [{"key": "ok", "status": 1}]}}}`, "assignees", "Choose who decides.", true, false},
	{"another mode", "manual", `{` + decides + `, "mode": 9}`, "mode", "Choose one shared decision", false, false},
	{"no form", "manual", `{"assignees": [1], "forms": {}}`, "forms", "Add a form", true, false},
	{"forms no object", "manual", `{"assignees": [1], "forms": []}`, "forms", "Give an object here", false, false},
	{"no button", "manual", `{"assignees": [1], "forms": {"f": {"actions": []}}}`, "forms.f.actions", "Add at least one button", true, false},
	{"a button without a key", "manual", `{"assignees": [1], "forms": {"f": {"actions": [{"key": "", "status": 1}]}}}`, "forms.f.actions.0.key", "Give this button a name", true, false},
	{"another status", "manual", `{"assignees": [1], "forms": {"f": {"actions": [{"key": "a", "status": 1}, {"key": "b", "status": 3}]}}}`, "forms.f.actions.1.status", "Choose what this button does", false, false},
	{"a field of no type", "manual", `{"assignees": [1], "forms": {"f": {"collection": {"fields": [{"name": "a", "type": "moon"}]}, "actions": [{"key": "ok", "status": 1}]}}}`, "forms.f.collection.fields.0.type", "Choose text", false, false},

	{"not filled in", "delay", `{"unit": 60000}`, "duration", "Enter how long to wait.", true, false},
	{"null", "delay", `{"duration": null, "unit": 60000}`, "duration", "Enter how long to wait.", true, false},
	{"emptied", "delay", `{"duration": "", "unit": 60000}`, "duration", "Enter how long to wait.", true, false},
	{"0", "delay", `{"duration": 0}`, "duration", "a number of at least 1", false, false},
	{"less than one", "delay", `{"duration": 0.5, "unit": 604800000}`, "duration", "a number of at least 1", false, false},
	{"negative", "delay", `{"duration": "-5"}`, "duration", "a number of at least 1", false, false},
	{"a word", "delay", `{"duration": "soon"}`, "duration", "a number of at least 1", false, false},
	{"a number with its unit", "delay", `{"duration": "5 minutes"}`, "duration", "a number of at least 1", false, false},
	{"true", "delay", `{"duration": true}`, "duration", "a number of at least 1", false, false},
	{"a list", "delay", `{"duration": [5]}`, "duration", "a number of at least 1", false, false},
	{"a variable in an object", "delay", `{"duration": {"days": "{{$context.data.quantity}}"}}`, "duration", "or choose a variable", false, false},
	{"a variable in a sentence", "delay", `{"duration": "{{$context.data.quantity}} days"}`, "duration", "or choose a variable", false, false},
	{"a variable that is not there", "delay", `{"duration": "{{$context.data.colour}}"}`, "duration", "colour", true, false},
	{"too long", "delay", `{"duration": 523, "unit": 604800000}`, "duration", "at most 10 years", false, false},
	{"too long a number", "delay", `{"duration": 1e300}`, "duration", "at most 10 years", false, false},
	{"none of the units", "delay", `{"duration": 1, "unit": 7}`, "unit", "Choose seconds, minutes", false, false},
	{"0", "delay", `{"duration": 1, "unit": 0}`, "unit", "Choose seconds, minutes", false, false},
	{"negative", "delay", `{"duration": 1, "unit": -1000}`, "unit", "Choose seconds, minutes", false, false},
	{"by name", "delay", `{"duration": 1, "unit": "minutes"}`, "unit", "Give a whole number here, not a text.", false, false},
	{"a variable", "delay", `{"duration": 1, "unit": "{{$context.data.quantity}}"}`, "unit", "Give a whole number here, not a text.", false, false},
	{"the text null", "delay", `{"duration": 1, "unit": "null"}`, "unit", "Give a whole number here, not a text.", false, false},
	{"a fraction", "delay", `{"duration": 1, "unit": 1000.5}`, "unit", "not the number 1000.5", false, false},
	{"an object", "delay", `{"duration": 1, "unit": {"ms": 1000}}`, "unit", "Give a whole number here, not an object.", false, false},
	{"another status", "delay", `{"duration": 1, "endStatus": 0}`, "endStatus", "go on, or fail", false, false},
	{"error is none of them", "delay", `{"duration": 1, "endStatus": -2}`, "endStatus", "go on, or fail", false, false},
	{"a word", "delay", `{"duration": 1, "endStatus": "fail"}`, "endStatus", "Give a whole number here, not a text.", false, false},
	{"a switch", "delay", `{"duration": 1, "endStatus": true}`, "endStatus", "Give a whole number here", false, false},

	{"missing", "script", `{"timeout": 1000}`, "content", "Write a program.", true, false},
	{"empty", "script", `{"content": "", "timeout": 1000}`, "content", "Write a program.", true, false},
	{"blank", "script", `{"content": " \n"}`, "content", "Write a program.", false, false},
	{"no text", "script", `{"content": 7}`, "content", "Give a text here, not a number.", false, false},
	{"lines", "script", `{"content": ["return 1"]}`, "content", "Give a text here, not a list.", false, false},
	{"too long", "script", `{"content": "` + strings.Repeat("x", script.MaxSource+1) + `"}`, "content", "Shorten the program", false, false},
	{"no list", "script", `{"content": "return 1", "arguments": {"a": 1}}`, "arguments", "Give a list here, not an object.", false, false},
	{"no object", "script", `{"content": "return 1", "arguments": ["a"]}`, "arguments.0", "Give an object here, not a text.", false, false},
	{"no name", "script", `{"content": "return 1", "arguments": [{"name": "a"}, {"name": "", "value": 1}]}`, "arguments.1.name", "Give this parameter a name.", true, false},
	{"name missing", "script", `{"content": "return 1", "arguments": [{"value": 1}]}`, "arguments.0.name", "Give this parameter a name.", true, false},
	{"name no text", "script", `{"content": "return 1", "arguments": [{"name": "a"}, {"name": 2}]}`, "arguments.1.name", "Give a text here, not a number.", false, false},
	{"no name for a variable", "script", `{"content": "return 1", "arguments": [{"name": "unit price"}]}`, "arguments.0.name", "Use letters, digits and _", false, false},
	{"a digit first", "script", `{"content": "return 1", "arguments": [{"name": "1st"}]}`, "arguments.0.name", "a letter first", false, false},
	{"a word of JavaScript", "script", `{"content": "return 1", "arguments": [{"name": "class"}]}`, "arguments.0.name", "means something else in JavaScript", false, false},
	{"twice", "script", `{"content": "return 1", "arguments": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}`, "arguments.2.name", "a parameter “a” already", false, false},
	{"a variable that is not there", "script", `{"content": "return 1", "arguments": [{"name": "a", "value": {"b": ["{{$context.data.colour}}"]}}]}`, "arguments.0.value.b.0", "colour", true, false},
	{"negative", "script", `{"content": "return 1", "timeout": -1}`, "timeout", "Write a time of at most", false, false},
	{"too long", "script", fmt.Sprintf(`{"content": "return 1", "timeout": %d}`, script.MaxTimeout.Milliseconds()+1), "timeout", "Write a time of at most", false, false},
	{"a fraction", "script", `{"content": "return 1", "timeout": 0.5}`, "timeout", "not the number 0.5", false, false},
	{"a word", "script", `{"content": "return 1", "timeout": "5 s"}`, "timeout", "Give a whole number here, not a text.", false, false},
	{"a switch", "script", `{"content": "return 1", "timeout": false}`, "timeout", "Give a whole number here", false, false},
	{"no switch", "script", `{"content": "return 1", "continue": "yes"}`, "continue", "Give true or false here, not a text.", false, false},
	{"a number", "script", `{"content": "return 1", "continue": 1}`, "continue", "Give true or false here, not the number 1.", false, false},
	{"the text null", "script", `{"content": "return 1", "continue": "null"}`, "continue", "Give true or false here, not a text.", false, false},

	{"unknown trigger", "trigger telepathy", `{}`, "type", "no trigger of type", false, false},
	{"not chosen", "trigger collection", `{"collection": "", "mode": 1}`, "collection", "Choose the collection", true, false},
	{"no text", "trigger collection", `{"collection": 7, "mode": 1}`, "collection", "Give a text here", false, false},
	{"not there", "trigger collection", `{"collection": "moons", "mode": 1}`, "collection", "no collection “moons”", false, true},
	{"no data source", "trigger collection", `{"collection": "moon:orders", "mode": 1}`, "collection", "no data source “moon”", false, false},
	{"another mode", "trigger collection", `{"collection": "orders", "mode": 99}`, "mode", "Choose when it starts", false, false},
	{"mode no number", "trigger collection", `{"collection": "orders", "mode": "x"}`, "mode", "Give a whole number here", false, false},
	{"changed without updates", "trigger collection", `{"collection": "orders", "mode": 1, "changed": ["status"]}`, "changed", "only make sense for updates", false, false},
	{"changed no list", "trigger collection", `{"collection": "orders", "mode": 2, "changed": "status"}`, "changed", "Give a list here", false, false},
	{"changed unknown", "trigger collection", `{"collection": "orders", "mode": 2, "changed": ["colour"]}`, "changed", "no field “colour”", false, true},
	{"condition on an unknown field", "trigger collection", `{"collection": "orders", "mode": 2, "condition": {"colour": 1}}`, "condition", "no field “colour”", false, true},
	{"unknown relation", "trigger collection", `{"collection": "orders", "mode": 2, "appends": ["maker"]}`, "appends", "no field “maker”", false, true},
	{"relations of what is deleted", "trigger collection", `{"collection": "orders", "mode": 4, "appends": ["product"]}`, "appends", "no relations left", false, false},
	{"no switch", "trigger collection", `{"collection": "orders", "mode": 1, "rollbackOnFailure": "no"}`, "rollbackOnFailure", "Give true or false here", false, false},

	{"another mode", "trigger schedule", `{"mode": 7}`, "mode", "Choose whether", false, false},
	{"mode no number", "trigger schedule", `{"mode": "0", "startsOn": "2027-01-02T08:00:00.000Z"}`, "mode", "Give a whole number here", false, false},
	{"never starts", "trigger schedule", `{"mode": 0, "startsOn": ""}`, "startsOn", "Say when", true, false},
	{"no time", "trigger schedule", `{"mode": 0, "startsOn": "soon"}`, "startsOn", "Write a date and time", false, false},
	{"ends before", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "endsOn": "2026-01-02T08:00:00.000Z"}`, "endsOn", "end before it starts", false, false},
	{"too often", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "repeat": 5}`, "repeat", "Write an interval", false, false},
	{"no cron text", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "repeat": "x"}`, "repeat", "", false, false},
	{"a limit below 0", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "limit": -1}`, "limit", "whole number of starts", false, false},
	{"limit no number", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "limit": "x"}`, "limit", "Give a number here", false, false},
	{"no time zone", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "timeZone": "Moon"}`, "timeZone", "no time zone “Moon”", false, false},
	{"missed times", "trigger schedule", `{"mode": 0, "startsOn": "2027-01-02T08:00:00.000Z", "missed": "x"}`, "missed", "Choose what happens", false, false},
	{"no collection", "trigger schedule", `{"mode": 1, "collection": "", "startsOn": {"field": "createdAt"}}`, "collection", "Choose the collection", true, false},
	{"collection not there", "trigger schedule", `{"mode": 1, "collection": "moons", "startsOn": {"field": "createdAt", "unit": 1000}}`, "collection", "no collection “moons”", false, true},
	{"no field", "trigger schedule", `{"mode": 1, "collection": "orders", "startsOn": {"field": ""}}`, "startsOn.field", "Choose the field", true, false},
	{"no date", "trigger schedule", `{"mode": 1, "collection": "orders", "startsOn": {"field": "status", "unit": 1000}}`, "startsOn.field", "holds no date", false, true},
	{"unknown relation", "trigger schedule", `{"mode": 1, "collection": "orders", "startsOn": {"field": "createdAt", "unit": 1000}, "appends": ["maker"]}`, "appends", "no field “maker”", false, true},
}

// TestWrongSettings: what is wrong with a setting is said at its place when it is
// saved, when it comes in with a file, and when the workflow is turned on.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shop()
	base, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Base", Type: "collection", Config: json.RawMessage(`{"collection": "orders", "mode": 1}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range wrongSettings {
		name := tc.kind + ", " + tc.field + ": " + tc.name
		said := func(where, got string, wanted bool) {
			t.Helper()
			if wanted && (got == "" || !strings.Contains(got, tc.want)) {
				t.Errorf("%s: %s says %q, want %q", name, where, got, tc.want)
			}
		}
		said("saving", w.saveWrong(base.ID, tc), !tc.late)
		wrong, problems := w.importWrong(tc)
		switch {
		case tc.late || tc.here:
			if wrong != "" {
				t.Errorf("%s: it cannot be imported: %s", name, wrong)
			}
			said("importing", problems, true)
		default:
			said("importing", wrong, true)
		}
		if tc.field != "type" {
			said("turning on", w.enableWrong(base.ID, tc), true)
		}
	}
}

// saveWrong is the problem at the field when the settings are saved as an API client
// does; "" when they are taken.
func (w *world) saveWrong(workflow int64, tc wrongSetting) string {
	w.t.Helper()
	var err error
	if kind, ok := strings.CutPrefix(tc.kind, "trigger "); ok {
		var made engine.Workflow
		made, err = w.e.CreateWorkflow(w.t.Context(), auth.System, engine.NewWorkflow{Title: tc.name, Type: kind, Config: json.RawMessage(tc.config)})
		if err == nil {
			_, err = w.e.DeleteWorkflow(w.t.Context(), auth.System, made.ID)
		}
	} else {
		var made engine.Node
		made, err = w.e.AddNode(w.t.Context(), auth.System, workflow, engine.NewNode{Type: tc.kind, Config: json.RawMessage(tc.config)})
		if err == nil {
			err = w.e.RemoveNode(w.t.Context(), auth.System, made.ID, 0, nil)
		}
	}
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		w.t.Fatalf("%s %s: %v", tc.kind, tc.config, err)
	}
	return cmp.Or(f.Fields["config."+tc.field], f.Fields[tc.field])
}

// importWrong is what keeps the settings out, and what is to be done before they can
// be turned on, both at the field.
func (w *world) importWrong(tc wrongSetting) (wrong, problems string) {
	w.t.Helper()
	kind, config, nodes := "collection", `{"collection": "orders", "mode": 1}`, fmt.Sprintf(`{"key": "n", "type": %q, "config": %s}`, tc.kind, tc.config)
	if trigger, ok := strings.CutPrefix(tc.kind, "trigger "); ok {
		kind, config, nodes = trigger, tc.config, ""
	}
	raw := fmt.Sprintf(`{"format": "alur.workflows", "version": 1, "workflows": [{"key": "w", "title": "W", "trigger": {"type": %q, "config": %s}, "nodes": [%s]}]}`, kind, config, nodes)
	p, err := w.e.PreviewImport(w.t.Context(), auth.System, read(w.t, raw), engine.Choices{People: map[string]int64{"id:1": 1}})
	if err != nil {
		w.t.Fatalf("%s: %v", raw, err)
	}
	at := func(list []engine.Problem) string {
		for _, p := range list {
			if strings.TrimPrefix(strings.TrimPrefix(p.Field, "trigger."), "config.") == tc.field {
				return p.Msg
			}
		}
		return ""
	}
	for _, m := range p.Arrivals[0].Missing {
		if m.What == "collection" && tc.field == "collection" {
			problems = "There is no collection “" + m.Name + "” here." // said once, as missing
		}
	}
	return at(p.Arrivals[0].Wrong), cmp.Or(at(p.Arrivals[0].Problems), problems)
}

// enableWrong is the problem at the field when a version that has the settings all
// the same, as old ones can, is turned on.
func (w *world) enableWrong(workflow int64, tc wrongSetting) string {
	w.t.Helper()
	place := "config."
	if kind, ok := strings.CutPrefix(tc.kind, "trigger "); ok {
		made, err := w.e.CreateWorkflow(w.t.Context(), auth.System, engine.NewWorkflow{Title: tc.name, Type: kind})
		if err != nil {
			w.t.Fatal(err)
		}
		workflow = made.ID
		w.exec(`UPDATE alur.workflows SET config = $2 WHERE id = $1`, workflow, tc.config)
	} else {
		made, err := w.e.AddNode(w.t.Context(), auth.System, workflow, engine.NewNode{Type: tc.kind})
		if err != nil {
			w.t.Fatal(err)
		}
		w.exec(`UPDATE alur.flow_nodes SET config = $2 WHERE id = $1`, made.ID, tc.config)
		defer w.exec(`DELETE FROM alur.flow_nodes WHERE id = $1`, made.ID)
		place = "nodes." + made.Key + ".config."
	}
	_, err := w.e.EnableWorkflow(w.t.Context(), auth.System, workflow, true)
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil {
		w.t.Errorf("%s %s was turned on: %v", tc.kind, tc.config, err)
		return ""
	}
	return f.Fields[place+tc.field]
}
