"""Task mode: an ACD with an API gets a task per contact by signed HTTP calls, and tells by webhook how it goes."""
