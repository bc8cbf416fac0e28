"""The processes in which flows run, how they are spoken to, and the life of a server's queries in them."""
