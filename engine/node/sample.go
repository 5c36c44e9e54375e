package node

// Sample makes up a value that has the given parts: an object, or with a variable
// without a path the value itself. Texts are the titles of their variables;
// relations that are not loaded are left out. Nothing gives nil.
func Sample(vars []Variable) any {
	if len(vars) == 1 && vars[0].Path == "" {
		return sampleOf(vars[0])
	}
	if len(vars) == 0 {
		return nil
	}
	o := map[string]any{}
	for _, v := range vars {
		if v.Target == "" || len(v.Children) > 0 {
			o[v.Path] = sampleOf(v)
		}
	}
	return o
}

func sampleOf(v Variable) any {
	one := sampleOne(v)
	if v.Many {
		return []any{one}
	}
	return one
}

func sampleOne(v Variable) any {
	if len(v.Children) > 0 {
		return Sample(v.Children)
	}
	switch v.Type { // spec/platform.md §6
	case "integer", "bigInt", "snowflakeId", "sort", "sequence", "unixTimestamp":
		return 1.0
	case "number", "float", "double", "real", "decimal", "percent":
		return 1.5
	case "boolean", "checkbox", "radio":
		return true
	case "dateOnly":
		return "2030-01-31"
	case "date", "datetime", "datetimeTz", "datetimeNoTz":
		return "2030-01-31T09:00:00.000Z"
	case "time":
		return "09:00:00"
	case "json", "jsonb":
		return map[string]any{}
	}
	if v.Title == "" {
		return "Text"
	}
	return v.Title
}
