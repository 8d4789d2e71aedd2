"""How many calls run at a time, and how much memory their requests and responses take."""
