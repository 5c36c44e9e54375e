package e2e

import "testing"

// TestAPIDocs finds the description of the API, tries a call that changes
// something and one that is refused.
func TestAPIDocs(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	v := s.visitor(t)
	v.signIn(adminEmail, adminPassword)
	v.open("/help")
	v.follow("API")
	v.inspect("api-docs")
	v.open("/api-docs?resource=collections")
	v.press("POST /api/collections:create")
	v.fill("Body", `{"name": "trees", "title": "Trees", "fields": [{"name": "kind", "type": "string"}]}`)
	v.tap("#op-collections\\:create .btn-primary")
	v.sees("#answer", `"name": "trees"`)
	v.inspect("api-answer")
	v.open("/api-docs?resource=trees")
	v.press("POST /api/trees:update")
	v.tap("#op-trees\\.update .btn-primary")
	v.sees("#answer", "400")
	v.sees("#answer", "filterByTk or filter")
}
