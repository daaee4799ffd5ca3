"""Scripted callers who talk to the real webhooks, and the grade of what stands in the calendar after."""
