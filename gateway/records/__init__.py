"""The durable records, in SQL: SQLite in the data folder, or PostgreSQL. The same code and the same tests for both."""
