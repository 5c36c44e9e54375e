package collection_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"alur/engine/collection"
)

// zooJSON has a field of every kind that filters tell apart.
const zooJSON = `{"name": "zoo", "title": "Zoo", "fields": [
	{"name": "mark", "type": "string", "allowNull": false},
	{"name": "s", "type": "string"}, {"name": "t", "type": "text"},
	{"name": "i", "type": "integer"}, {"name": "b", "type": "bigInt"}, {"name": "f", "type": "double"},
	{"name": "d", "type": "decimal", "precision": 20, "scale": 4}, {"name": "y", "type": "boolean"},
	{"name": "z", "type": "datetimeTz"}, {"name": "n", "type": "datetimeNoTz"}, {"name": "o", "type": "dateOnly"},
	{"name": "c", "type": "time"}, {"name": "u", "type": "unixTimestamp"}, {"name": "g", "type": "uuid", "autoFill": false},
	{"name": "j", "type": "json"}, {"name": "a", "type": "array"}, {"name": "m", "type": "set"},
	{"name": "up", "type": "belongsTo", "target": "zoo", "foreignKey": "upId"},
	{"name": "kids", "type": "hasMany", "target": "zoo", "foreignKey": "upId"},
	{"name": "heir", "type": "hasOne", "target": "zoo", "foreignKey": "upId"},
	{"name": "pals", "type": "belongsToMany", "target": "zoo", "through": "palships", "foreignKey": "oneId", "otherKey": "otherId"}]}`

// zooRecords are A to E; E has nothing. Now is Monday, 2026-11-23 12:00 UTC.
const zooRecords = `[
	{"id": 1, "mark": "A", "s": "alpha", "t": "50% off_now\\", "i": -5, "b": 1, "f": 0.5, "d": "1.5", "y": true, "z": "2026-11-23T08:00:00Z", "n": "2026-11-23 08:00:00",
		"o": "2026-11-23", "c": "08:00:00", "u": "2026-11-23T08:00:00Z", "g": "11111111-1111-4111-8111-111111111111", "j": {"k": 1}, "a": ["x", "y"], "m": ["r"]},
	{"id": 2, "mark": "B", "s": "Beta", "t": "Fifty percent", "i": 0, "b": "9007199254740993", "f": 1.5, "d": "2.25", "y": false, "z": "2026-11-22T23:30:00Z", "n": "2026-11-22 23:30:00",
		"o": "2026-11-22", "c": "12:30:00", "u": "2026-11-22T23:30:00Z", "g": "22222222-2222-4222-8222-222222222222", "j": [1, 2], "a": ["y"], "m": ["r", "s"], "up": 1},
	{"id": 3, "mark": "C", "s": "", "t": "", "i": 7, "b": 3, "f": 2.5, "d": "1000000000000.0001", "y": true, "z": "2026-05-07T10:20:30.123Z", "n": "2026-05-07 10:20:30",
		"o": "2026-05-07", "c": "23:59:59", "u": "2026-05-07T10:20:30Z", "j": "text", "a": [], "m": [], "up": 1},
	{"id": 4, "mark": "D", "s": "a,b", "t": "line\nbreak", "i": 100, "b": 4, "f": -1, "d": "-3", "z": "2025-12-31T23:00:00Z", "n": "2025-12-31 23:00:00",
		"o": "2025-12-31", "c": "00:00:00", "u": "2025-12-31T23:00:00Z", "j": true, "a": ["x", 3, null], "m": ["s", "r"], "up": 2},
	{"id": 5, "mark": "E"}]`

// zooFilters is field or path, operator, value and the marks of what is found.
const zooFilters = `
s $eq "alpha"|A
s $eq "ALPHA"|
s $eq ["alpha","Beta"]|AB
s $eq []|
s $eq null|E
s $eq ""|C
s $eq 5|
s $ne "alpha"|BCDE
s $ne ["alpha","Beta"]|CDE
s $ne null|ABCD
s $gt ""|ABD
s $gte ""|ABCD
s $lt "zz"|ABCD
s $lte ""|C
s $between ["a","b"]|AD
s $notBetween ["a","b"]|BC
s $in ["alpha",null]|A
s $in "alpha"|A
s $in null|
s $notIn ["alpha"]|BCDE
s $notin ["alpha"]|BCDE
s $not_in ["alpha","Beta"]|CDE
s $is null|E
s $not null|ABCD
s $like "%ph%"|A
s $like "%PH%"|
s $notLike "%ph%"|BCD
s $iLike "%PH%"|A
s $notILike "%PH%"|BCD
s $includes "ET"|B
s $includes ["ph","ET"]|AB
s $includes null|E
s $includes []|
s $includes ""|ABCD
s $includes ","|D
s $notIncludes "a"|C
s $notIncludes ["a,","ph"]|BC
s $notIncludes null|ABCD
s $startsWith "A"|AD
s $startsWith ["al","be"]|AB
s $notStartsWith "a"|BC
s $endWith "A"|AB
s $endsWith "A"|AB
s $notEndWith "a"|CD
s $empty true|CE
s $notEmpty true|ABD
s $exists true|ABCD
s $notExists true|E
s $anyOf ["alpha","Beta"]|AB
s $anyOf "alpha"|A
s $noneOf ["alpha"]|BCDE
t $includes "%"|A
t $includes "_"|A
t $includes "\\"|A
t $includes "PERCENT"|B
t $includes "\n"|D
t $endWith "\\"|A
t $like "50\\%%"|A
t $empty 1|CE
t $notEmpty 1|ABD
t $eq "Fifty percent"|B
t $startsWith "%"|
i $eq 7|C
i $eq "7"|C
i $eq 7.5|
i $eq null|E
i $eq [0,7]|BC
i $ne 7|ABDE
i $ne null|ABCD
i $ne [0,7]|ADE
i $gt 0|CD
i $gt 0.5|CD
i $gt "6.5"|CD
i $gt null|
i $gte 0|BCD
i $lt 0|A
i $lte 0|AB
i $lt 99999999999999|ABCD
i $between [0,7]|BC
i $between [null,7]|
i $notBetween [0,7]|AD
i $in [7,100,null]|CD
i $in []|
i $notIn [7]|ABDE
i $notIn []|ABCDE
i $is null|E
i $not null|ABCD
i $includes 0|BD
i $includes "0"|BD
i $startsWith 1|D
i $like "1%"|D
i $empty true|E
i $notEmpty true|ABCD
i $exists true|ABCD
i $notExists true|E
i $anyOf [0,7]|BC
i $noneOf [0,7]|ADE
b $eq "9007199254740993"|B
b $eq "9007199254740992"|
b $gt "9007199254740992"|B
b $in ["9007199254740993",3]|BC
b $lt 4|AC
b $ne 1|BCDE
f $eq 0.5|A
f $gt 0.5|BC
f $lt 0|D
f $between [0,2]|AB
f $in [0.5,2.5]|AC
f $empty true|E
d $eq 1.5|A
d $eq "1.50"|A
d $eq "1000000000000.0001"|C
d $gt "1000000000000"|C
d $lt 0|D
d $in [1.5,"2.25"]|AB
d $notIn [1.5]|BCDE
d $between [-3,1.5]|AD
d $includes "2.2"|B
y $eq true|AC
y $eq "true"|AC
y $eq false|B
y $eq null|DE
y $ne true|BDE
y $ne false|ACDE
y $in [true]|AC
y $notIn [true]|BDE
y $is true|AC
y $is false|B
y $is null|DE
y $not true|BDE
y $not null|ABC
y $isTruly true|AC
y $isTruly false|BDE
y $isTruly "false"|BDE
y $isFalsy true|BDE
y $isFalsy false|AC
y $empty true|DE
y $exists true|ABC
z $eq "2026-11-23T08:00:00Z"|A
z $eq "2026-11-23T10:00:00+02:00"|A
z $ne "2026-11-23T08:00:00Z"|BCDE
z $gt "2026-11-22T23:30:00Z"|A
z $gte "2026-11-22T23:30:00Z"|AB
z $lt "2026-01-01"|D
z $lte "2026-05-07T10:20:30.123Z"|CD
z $between ["2026-01-01","2026-12-31"]|ABC
z $in ["2026-11-23T08:00:00Z"]|A
z $empty true|E
z $notEmpty true|ABCD
z $exists true|ABCD
z $includes "2026-05"|C
z $dateOn "2026"|ABC
z $dateOn "2025"|D
z $dateOn "2026Q4"|AB
z $dateOn "2026Q2"|C
z $dateOn "2026-11"|AB
z $dateOn "2026-11-23"|A
z $dateOn "2026-11-23 08"|A
z $dateOn "2026-11-23 08:00"|A
z $dateOn "2026-11-23 08:00:00"|A
z $dateOn "2026-05-07 10:20:30.123"|C
z $dateOn "2026-05-07 10:20:30.1"|
z $dateOn "2026-05-07T10:20"|C
z $dateOn "2026-11-23T08:00:00Z"|A
z $dateOn "2026-11-23T08:00:00.000Z"|A
z $dateOn "2026W48"|A
z $dateOn "2026W47"|B
z $dateOn "2026w48"|AB
z $dateOn "2026w47"|
z $dateOn "2026W01"|D
z $dateOn "2025-12-31+02:00"|
z $dateOn "2026-01-01+02:00"|D
z $dateOn "2026-11-23+02:00"|AB
z $dateOn "2026-11-22-02:00"|B
z $dateOn "2026Q1+02:00"|D
z $dateOn "2026W48+02:00"|AB
z $dateOn {"type":"today"}|A
z $dateOn {"type":"yesterday"}|B
z $dateOn {"type":"tomorrow"}|
z $dateOn {"type":"thisWeek"}|A
z $dateOn {"type":"lastWeek"}|B
z $dateOn {"type":"nextWeek"}|
z $dateOn {"type":"thisMonth"}|AB
z $dateOn {"type":"lastMonth"}|
z $dateOn {"type":"nextMonth"}|
z $dateOn {"type":"thisQuarter"}|AB
z $dateOn {"type":"lastQuarter"}|
z $dateOn {"type":"thisYear"}|ABC
z $dateOn {"type":"lastYear"}|D
z $dateOn {"type":"nextYear"}|
z $dateOn {"type":"past","unit":"day","number":1}|B
z $dateOn {"type":"past","unit":"week","number":1}|B
z $dateOn {"type":"past","unit":"month","number":6}|C
z $dateOn {"type":"past","unit":"month","number":5}|
z $dateOn {"type":"past","unit":"quarter","number":2}|C
z $dateOn {"type":"past","unit":"year","number":1}|D
z $dateOn {"type":"next","unit":"day","number":3}|
z $dateOn ["2026-05-01","2026-11-22","[]"]|BC
z $dateOn ["2026-05-01","2026-11-23","[)"]|BC
z $dateOn "{{$nDate.today}}"|A
z $dateOn "{{$nDate.last7Days}}"|AB
z $dateOn "{{ $nDate.thisYear }}"|ABC
z $dateBefore "{{$nDate.now}}"|ABCD
z $dateNotOn "2026-11"|CD
z $dateNotOn {"type":"today"}|BCD
z $dateNotOn "2026-11-23T08:00:00Z"|BCD
z $dateBefore "2026-11"|CD
z $dateBefore "2026-11-23"|BCD
z $dateBefore {"type":"thisYear"}|D
z $dateNotBefore "2026-11"|AB
z $dateNotBefore "2026-11-23T08:00:00Z"|A
z $dateAfter "2026-05"|AB
z $dateAfter "2026-11-22"|A
z $dateAfter "2026-11-22T23:30:00Z"|A
z $dateAfter {"type":"lastYear"}|ABC
z $dateNotAfter "2026-11-22"|BCD
z $dateNotAfter "2026-11-22T23:30:00Z"|BCD
z $dateNotAfter "2026"|ABCD
z $dateBetween ["2026-05-07","2026-11-22"]|BC
z $dateBetween ["2026-05-07","2026-11-22","[]"]|BC
z $dateBetween ["2026-05-07","2026-11-22","()"]|
z $dateBetween ["2026-05-07","2026-11-22","(]"]|B
z $dateBetween ["2026-05-07","2026-11-22","[)"]|C
z $dateBetween ["2026-05","2026-11","()"]|
z $dateBetween ["2026-11-23","2026-11-23","[]","+02:00"]|AB
z $dateBetween "[2026-11-23,2026-11-23]+02:00"|AB
z $dateBetween "[2026-05-07,2026-11-22)"|C
z $dateBetween "(2026-05-07,2026-11-23]"|AB
z $dateBetween {"type":"thisMonth"}|AB
z $dateBetween ["2025","2026Q2"]|CD
z $dateBetween ["2026-11-22T23:30:00Z","2026-11-23T08:00:00Z"]|AB
z $dateBetween ["2026-11-22T23:30:00Z","2026-11-23T08:00:00Z","()"]|
n $dateOn "2026-11-23"|A
n $dateOn {"type":"yesterday"}|B
n $dateOn "2026-05-07 10:20:30"|C
n $dateBefore "2026"|D
n $dateAfter "2026-05"|AB
n $dateNotAfter "2025"|D
n $dateBetween ["2026-05-07","2026-11-22"]|BC
n $eq "2026-11-23 08:00:00"|A
n $gt "2026-05-07 10:20:30"|AB
n $empty true|E
o $eq "2026-11-23"|A
o $eq ["2026-11-23","2026-05-07"]|AC
o $ne "2026-11-23"|BCDE
o $gt "2026-05-07"|AB
o $lte "2026-05-07"|CD
o $between ["2026-01-01","2026-11-22"]|BC
o $in ["2025-12-31"]|D
o $dateOn "2026-11-23"|A
o $dateOn "2026"|ABC
o $dateOn "2026W48"|A
o $dateOn "2026w48"|AB
o $dateOn "2026-11-23T23:59:00Z"|A
o $dateOn {"type":"today"}|A
o $dateOn {"type":"thisQuarter"}|AB
o $dateOn {"type":"past","unit":"day","number":1}|B
o $dateNotOn "2026-11"|CD
o $dateBefore "2026-11-22"|CD
o $dateNotBefore "2026-11-22"|AB
o $dateAfter "2026-05"|AB
o $dateAfter "2026-11-22"|A
o $dateNotAfter "2026-11-22"|BCD
o $dateBetween ["2026-05-07","2026-11-22"]|BC
o $dateBetween ["2026-05-07","2026-11-22","()"]|
o $empty true|E
o $includes "2026-11"|AB
c $eq "12:30:00"|B
c $eq "12:30"|B
c $gt "08:00:00"|BC
c $lte "08:00"|AD
c $in ["08:00:00","12:30:00"]|AB
c $empty true|E
u $eq "2026-11-23T08:00:00Z"|A
u $gt "2026-11-22T23:30:00Z"|A
u $dateOn "2026-11"|AB
u $dateOn {"type":"today"}|A
u $dateBefore "2026"|D
u $dateBetween ["2026-05-07","2026-11-22"]|BC
u $empty true|E
g $eq "11111111-1111-4111-8111-111111111111"|A
g $in ["11111111-1111-4111-8111-111111111111","22222222-2222-4222-8222-222222222222"]|AB
g $ne "11111111-1111-4111-8111-111111111111"|BCDE
g $empty true|CDE
g $notExists true|CDE
j $eq {"k":1}|A
j $eq [1,2]|B
j $eq "text"|C
j $eq true|D
j $ne [1,2]|ACDE
j $empty true|E
j $exists true|ABCD
j $includes "k"|A
a $eq ["x","y"]|A
a $ne ["y"]|ACDE
a $match ["y","x"]|A
a $match ["y"]|B
a $match []|C
a $notMatch ["y","x"]|BCDE
a $anyOf ["x"]|AD
a $anyOf "y"|AB
a $anyOf ["y",3]|ABD
a $anyOf []|
a $noneOf ["x"]|BCE
a $noneOf ["x","y"]|CE
a $noneOf []|ABCDE
a $empty true|CE
a $notEmpty true|ABD
a $arrayEmpty true|CE
a $arrayNotEmpty true|ABD
a $includes "x"|AD
a $exists true|ABCD
m $match ["s","r"]|BD
m $match ["r"]|A
m $anyOf ["s"]|BD
m $noneOf ["s"]|ACE
m $arrayEmpty true|CE
m $empty true|CE
up $exists true|BCD
up $notExists true|AE
up $eq 1|BC
up $eq null|AE
up $ne null|BCD
up.mark $eq "A"|BC
up.mark $ne "A"|ADE
up.mark $includes "a"|BC
up.up.mark $eq "A"|D
up.i $lt 0|BC
up.mark $empty true|AE
upId $eq 2|D
upId $in [1,2]|BCD
kids.mark $eq "B"|A
kids.mark $eq "D"|B
kids.i $gte 0|AB
kids $exists true|AB
kids $notExists true|CDE
kids.kids.mark $eq "D"|A
kids.up.mark $eq "A"|A
kids $empty true|CDE
heir.mark $eq "B"|A
heir.mark $eq "D"|B
heir $exists true|AB
pals.mark $eq "B"|A
pals.mark $eq "C"|AB
pals $exists true|AB
pals $notExists true|CDE
pals.pals.mark $eq "C"|A
pals.i $gt 0|AB
createdBy.nickname $eq "Ann"|ABCDE
createdBy.id $eq "{{$user.id}}"|ABCDE
createdBy $eq "{{ctx.state.currentUser.id}}"|ABCDE
createdBy.nickname $eq "{{$user.nickname}}"|ABCDE
s $includes "{{$nRole}}"|
`

// zooObjects are whole filters.
var zooObjects = []struct{ filter, want string }{
	{`{}`, "ABCDE"}, {`null`, "ABCDE"}, {`{"$and": []}`, "ABCDE"}, {`{"$or": []}`, "ABCDE"}, {`{"$and": [{}, {}]}`, "ABCDE"},
	{`{"mark": "A", "i": -5}`, "A"}, {`{"mark": "A", "i": 0}`, ""}, {`{"i": {"$gte": 0, "$lt": 100}}`, "BC"},
	{`{"$and": [{"y": true}, {"i": {"$gt": 0}}]}`, "C"}, {`{"$or": [{"mark": "A"}, {"mark": "E"}]}`, "AE"}, {`{"$or": {"mark": "A"}}`, "A"},
	{`{"$not": {"mark": "A"}}`, "BCDE"}, {`{"$not": {"y": true}}`, "BDE"}, {`{"$not": {"$or": [{"i": 0}, {"i": 7}]}}`, "ADE"},
	{`{"$not": {"$not": {"i": 0}}}`, "B"}, {`{"$and": [{"$or": [{"i": 0}, {"i": 7}]}, {"y": true}]}`, "C"}, {`[{"y": true}, {"i": 7}]`, "C"},
	{`{"s.$ne": "alpha"}`, "BCDE"}, {`{"up.mark.$includes": "A"}`, "BC"}, {`{"up": {"mark": {"$includes": "A"}}}`, "BC"},
	{`{"kids": {"mark": "B", "i": 0}}`, "A"}, {`{"kids": {"mark": "B", "i": 7}}`, ""}, {`{"kids.mark": "B", "kids.i": 7}`, "A"},
	{`{"kids": {"$or": [{"mark": "C"}, {"mark": "D"}]}}`, "AB"}, {`{"kids": {"$not": {"mark": "B"}}}`, "AB"}, {`{"$not": {"kids": {"mark": "B"}}}`, "BCDE"},
	{`{"pals": {"mark": "C", "i": 7}}`, "AB"}, {`{"pals": {"mark": "B", "i": 7}}`, ""}, {`{"up": {"up": {"mark": "A"}}}`, "D"},
	{`{"heir": {"mark": "B"}}`, "A"}, {`{"up": {"kids": {"mark": "C"}}}`, "BC"}, {`{"id": {"$in": [1, "2"]}}`, "AB"},
	{`{"z": {"$dateAfter": "2026-05", "$dateBefore": "2026-11-23"}}`, "B"}, {`{"s": {"$notIncludes": "a", "$notEmpty": true}}`, ""},
	{`{"createdById": "{{$user.id}}", "z": {"$dateOn": "{{$nDate.thisMonth}}"}}`, "AB"}, {`{"s": "{{$user.nickname}} x"}`, ""},
}

// TestEveryOperator asks for every operator on every kind of field, in one
// database.
func TestEveryOperator(t *testing.T) {
	t.Parallel()
	s := newZoo(t)
	n := 0
	for line := range strings.SplitSeq(strings.TrimSpace(zooFilters), "\n") {
		line, want, _ := strings.Cut(line, "|")
		parts := strings.SplitN(line, " ", 3)
		s.finds(t, fmt.Sprintf(`{%q: {%q: %s}}`, parts[0], parts[1], parts[2]), want)
		n++
	}
	for _, tc := range zooObjects {
		s.finds(t, tc.filter, tc.want)
		n++
	}
	if n < 300 {
		t.Errorf("%d cases", n)
	}
}

func newZoo(t testing.TB) *shop {
	s := newStore(t)
	var def collection.Definition
	if err := json.Unmarshal([]byte(zooJSON), &def); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.CreateCollection(t.Context(), admin, def); err != nil {
		t.Fatal(err)
	}
	var records []collection.Record
	if err := json.Unmarshal([]byte(zooRecords), &records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		s.create("zoo", r)
	}
	for _, pals := range [][2]float64{{1, 2}, {1, 3}, {2, 3}} {
		s.create("palships", collection.Record{"oneId": pals[0], "otherId": pals[1]})
	}
	return s
}

// finds lists with a filter and compares the marks of what is found.
func (s *shop) finds(t *testing.T, filter, want string) {
	t.Helper()
	var f any
	if err := json.Unmarshal([]byte(filter), &f); err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	f, err := s.store.Resolve(t.Context(), s.db, s.a, f)
	if err != nil {
		t.Errorf("%s: %v", filter, err)
		return
	}
	page, err := s.store.List(t.Context(), s.db, s.a, "zoo", collection.Query{Filter: f, Fields: []string{"mark"}, Sort: []string{"mark"}})
	if err != nil {
		t.Errorf("%s: %v", filter, err)
		return
	}
	got := ""
	for _, r := range page.Records {
		got += r["mark"].(string)
	}
	if got != want || page.Count != len(want) {
		t.Errorf("%s found %q, %d counted; want %q", filter, got, page.Count, want)
	}
}
