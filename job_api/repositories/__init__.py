"""Rows in and out of the database."""
