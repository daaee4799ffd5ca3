"""PostgreSQL with a second wall: the connection tells the policies whose rows are meant."""
