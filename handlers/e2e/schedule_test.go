package e2e

import "testing"

// TestScheduleForm makes a workflow that starts by the clock: the next times are
// shown while a cron text is typed, a wrong one is told beside its field, and once
// it is on it starts by itself.
func TestScheduleForm(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)
	v.open("/workflows")
	v.press("New workflow")
	v.fill("Name", "Every second")
	v.check("When the time comes")
	v.follow("Create workflow")
	v.date("First time", "2026-01-01T08:00:00")
	v.saved()
	v.choose("Repeated", "By a cron text")
	v.sees("#drawer", "How to write a cron text")
	v.fill("Cron text", "0 0 9 31 2 *")
	v.sees("#drawer .error", "No day is like that")
	v.fill("Cron text", "61 * * * * *")
	v.sees("#drawer .error", "59")
	v.fill("Cron text", "*/2 * * * * *")
	v.gone("#drawer .error")
	v.el("#upcoming li:nth-child(5)")
	v.gone("#upcoming li:nth-child(6)")
	v.inspect("schedule")

	v.addNode("the trigger", "Calculation")
	v.insert("expression", "Planned time")
	v.saved()
	v.check("On")
	v.sees(".toolbar .badge", "On")
	v.open("/executions")
	v.until("tbody tr:nth-child(2)", "Completed")
	v.follow("Every second")
	v.sees("#flow", "Calculation")
}
